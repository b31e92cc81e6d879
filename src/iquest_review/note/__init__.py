"""What GitLab is sent: every word of notes and threads."""
