import os

# Importing GitPython fails where git is missing, unless it is told to be quiet; a saved diff can do without git.
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
