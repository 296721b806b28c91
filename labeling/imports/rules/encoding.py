"""Import files must be UTF-8. What other encodings look like, so that a refusal can name them. Pure."""

import codecs
import re

BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
ARCHIVES = {
    b"PK\x03\x04": "an Excel workbook or a ZIP archive; save the sheet as CSV (UTF-8), or unpack the archive",
    b"\x1f\x8b": "compressed with gzip; unpack it first",
}
_COMMON_HAN = re.compile(r"[\u4e00-\u9fff\u3000-\u303f\uff00-\uffef]")


def whole_file_refusal(head: bytes) -> str | None:
    """Why a file that starts with these bytes can't be read at all; None when it can be tried."""
    for start, what in ARCHIVES.items():
        if head.startswith(start):
            return f"The file is {what}."
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if head.startswith(mark):
            return _save_as_utf8(f"The file is {encoding}")
    # Latin letters in UTF-16 without a mark: every other byte is zero.
    if head[1::2].count(0) > len(head) // 4 or head[0::2].count(0) > len(head) // 4:
        return _save_as_utf8("The file looks like UTF-16")
    return None


def wrong_bytes_refusal(raw: bytes, error: UnicodeDecodeError) -> tuple[int, str]:
    """The column (in characters, from 1) of the first byte that is no UTF-8, and what the line may be instead."""
    column = len(raw[: error.start].decode("utf-8")) + 1
    byte = f"The byte 0x{raw[error.start]:02X} is no UTF-8"
    try:
        as_gbk = raw.decode("gb18030")
    except UnicodeDecodeError:
        return column, _save_as_utf8(f"{byte}; the line may be Windows-1252 or cut off in the middle of a character")
    beyond_ascii = [character for character in as_gbk if ord(character) > 0x7F]
    if len(_COMMON_HAN.findall(as_gbk)) == len(beyond_ascii):
        return column, _save_as_utf8(f"{byte}; the line reads as GBK (GB18030)")
    return column, _save_as_utf8(f"{byte}; the line may be Windows-1252")


def _save_as_utf8(what: str) -> str:
    return f"{what}. Save the file as UTF-8 and import it again."
