"""Files of chats: where their content is kept, and the rows that say who may read it."""
