"""Style sheets and scripts under names that say their content: browsers keep them for good, and never too long."""

from whitenoise.storage import CompressedManifestStaticFilesStorage  # type: ignore[import-untyped]


class HashedStaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Hashes the names in `import` statements too: a new script must not load an old module from the cache."""

    support_js_module_import_aggregation = True
