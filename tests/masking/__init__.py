"""What is taken for a secret."""
