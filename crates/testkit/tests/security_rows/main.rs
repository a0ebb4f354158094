//! One test for each row of the list of cases (docs/security-cases.md), named after its number.
mod api;
mod flows;
mod oauth;
mod site;
