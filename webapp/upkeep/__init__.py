"""The commands `purge`, `report` and `audit`: old rows, usage, and the audit trail."""
