"""How numbers are written: three significant digits, a unit, a true minus sign, and how sure they are."""

import math
import time

MINUS = "\N{MINUS SIGN}"
SPACE = "\N{NO-BREAK SPACE}"
NONE = "\N{EN DASH}"


def three_digits(value: float | None, signed: bool = False) -> str:
    """Three significant digits: 0.0123, 12.3, 1,230, 1.2e-05; a dash for a missing or infinite value."""
    if value is None or not math.isfinite(value):
        return NONE
    size = abs(value)
    if size == 0:
        text = "0"
    elif size < 1e-4 or size >= 1e7:
        text = f"{size:.2e}"
    else:
        size = float(f"{size:.3g}")
        text = f"{size:,.{max(0, 2 - math.floor(math.log10(size)))}f}"
    sign = MINUS if value < 0 else "+" if signed and value > 0 else ""
    return sign + text


def hundredths(value: float | None, signed: bool = False) -> str:
    """Three significant digits, but no finer than hundredths, for percentages and points: 0.0077 -> "0.01", 0.002 ->
    "0"."""
    if value is None or not math.isfinite(value):
        return NONE
    if abs(value) >= 1 or not round(value, 2):
        return three_digits(value if abs(value) >= 1 else 0.0, signed)
    return (MINUS if value < 0 else "+" if signed else "") + f"{abs(value):.2f}"


def percent(share: float | None) -> str:
    """A share of one in percent, three significant digits at most: 0.871 -> "87.1 %"; what is above 0 is never written
    as it."""
    if share is None or not math.isfinite(share):
        return NONE
    return f"below 0.01{SPACE}%" if 0 < share < 5e-5 else f"{hundredths(share * 100)}{SPACE}%"


def whole_percent(share: float) -> str:
    """How far something is: "9 %"; 100 % only when it is done."""
    return f"{math.floor(share * 100 + 1e-9)}{SPACE}%"


def points(difference: float | None) -> str:
    """A difference of two shares in percentage points, signed: 0.0123 -> "+1.23 points", -0.0000765 -> "−0.01
    points"."""
    return (
        NONE
        if difference is None or not math.isfinite(difference)
        else f"{hundredths(difference * 100, signed=True)}{SPACE}points"
    )


def count(number: int) -> str:
    """A whole number with thousands marked."""
    return f"{int(number):,}"


def plural(number: int, noun: str, many: str = "") -> str:
    """ "1 edit", "12 edits", "3 classes"."""
    return f"{count(number)} {noun if number == 1 else many or noun + 's'}"


def duration(seconds: float | None) -> str:
    """Seconds in words a person would use: "0.4 s", "45 s", "3 min 20 s", "1 h 5 min"."""
    if seconds is None or not math.isfinite(seconds):
        return NONE
    if seconds < 10:
        return f"{seconds:.1f}{SPACE}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}{SPACE}s"
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes}{SPACE}min" + (f" {rest}{SPACE}s" if rest and minutes < 10 else "")
    hours, rest = divmod(round(whole / 60), 60)
    return f"{hours}{SPACE}h" + (f" {rest}{SPACE}min" if rest else "")


def ago(moment_s: float | None, now_s: float | None = None) -> str:
    """How long ago a Unix time was, in its largest unit."""
    if moment_s is None:
        return NONE
    passed_s = max((time.time() if now_s is None else now_s) - moment_s, 0.0)
    if passed_s < 60:
        return "just now"
    for unit, length_s in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if passed_s >= length_s:
            return f"{plural(int(passed_s // length_s), unit)} ago"
    raise AssertionError("unreachable: at least a minute has passed")


def clock(moment_s: float) -> str:
    """A Unix time as a local date and time to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment_s))


def share_interval(hits: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """95 % Wilson score interval of a share (Wilson 1927): ``hits`` of ``n`` independent trials; (0, 1) for no
    trials."""
    if n == 0:
        return 0.0, 1.0
    share = hits / n
    spread = z * z / n
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return max(centre - half, 0.0), min(centre + half, 1.0)


def share_range(hits: int, n: int) -> str:
    """ "85.6 to 88.5 %": the 95 % interval of a share."""
    low, high = share_interval(hits, n)
    return f"{hundredths(low * 100)} to {percent(high)}"
