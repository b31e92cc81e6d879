"""What the connections to GitLab and to the model server share: sessions, time limits, TLS, retries."""
