"""The promises of tracksite, each with the test that holds it."""
