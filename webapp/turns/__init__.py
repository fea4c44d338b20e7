"""How a chat is answered: turns are claimed, run, stored while they run, and ended."""
