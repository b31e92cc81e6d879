"""What GitLab is sent: the summary note and the threads, escaped and checked."""
