"""What the tests with foreign clients share: servers, databases, sign-in and counting."""
