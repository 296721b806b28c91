"""The time zones that people choose from."""

from zoneinfo import available_timezones


def named_time_zones() -> list[tuple[str, str]]:
    """(name, what is shown), such as Asia/Shanghai.

    Etc/GMT+8 and its like have their signs the wrong way round; nobody lives there.
    """
    names = sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))
    return [(name, name.replace("_", " ")) for name in names]
