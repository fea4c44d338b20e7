"""How a chat is answered: turns are claimed, run, stored in steps, and ended."""
