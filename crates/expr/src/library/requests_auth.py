def HTTPBasicAuth(username, password):
    return (username, password)
