"""Settings from the environment. An app file imports here what Chainlit has in this module."""

from webapp.authoring.overrides.app_config import config as config
from webapp.authoring.overrides.config_overrides import (
    AudioFeature,
    ChainlitConfigOverrides,
    FeaturesSettings,
    HeaderLink,
    McpFeature,
    McpUserServersFeature,
    ProjectSettings,
    SlackFeature,
    SpontaneousFileUploadFeature,
    SseMcpServer,
    StdioMcpServer,
    StreamableHttpMcpServer,
    UISettings,
)

__all__ = [
    "AudioFeature",
    "ChainlitConfigOverrides",
    "FeaturesSettings",
    "HeaderLink",
    "McpFeature",
    "McpUserServersFeature",
    "ProjectSettings",
    "SlackFeature",
    "SpontaneousFileUploadFeature",
    "SseMcpServer",
    "StdioMcpServer",
    "StreamableHttpMcpServer",
    "UISettings",
    "config",
]
