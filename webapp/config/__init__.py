"""Settings from the environment, and what Chainlit has in its module of this name."""

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
from webapp.config.secret_file import (
    instance_folder,
    make_private_folder,
    new_secret,
    read_or_make_secret,
)
from webapp.config.settings import LOOPBACK_HOSTS, STREAMING_MODES, Settings
from webapp.config.startup_error import StartupError

__all__ = [
    "LOOPBACK_HOSTS",
    "STREAMING_MODES",
    "AudioFeature",
    "ChainlitConfigOverrides",
    "FeaturesSettings",
    "HeaderLink",
    "McpFeature",
    "McpUserServersFeature",
    "ProjectSettings",
    "Settings",
    "SlackFeature",
    "SpontaneousFileUploadFeature",
    "SseMcpServer",
    "StartupError",
    "StdioMcpServer",
    "StreamableHttpMcpServer",
    "UISettings",
    "instance_folder",
    "make_private_folder",
    "new_secret",
    "read_or_make_secret",
]
