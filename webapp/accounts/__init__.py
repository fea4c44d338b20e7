"""Who you are: accounts, login, sessions."""
