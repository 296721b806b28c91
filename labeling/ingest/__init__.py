from labeling.ingest.importing import ImportResult, import_rows, preview
from labeling.ingest.reading import read_prompts
from labeling.ingest.rows import Defaults, RefusedRow, Row

__all__ = ["Defaults", "ImportResult", "RefusedRow", "Row", "import_rows", "preview", "read_prompts"]
