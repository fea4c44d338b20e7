"""Firefox and WebKit, driven with the same few verbs. Chromium has Playwright: `tests/browser/`."""
