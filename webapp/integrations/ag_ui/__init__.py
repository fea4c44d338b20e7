"""Agents that speak AG-UI, as profiles: https://docs.ag-ui.com."""

from __future__ import annotations

from webapp.integrations.ag_ui.agent import profile as profile

__all__ = ["profile"]
