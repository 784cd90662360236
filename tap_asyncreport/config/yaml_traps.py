"""Where YAML ends its reading: what people meant there, and the text as it may have been meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tap_asyncreport.config.nearest import meant
from tap_asyncreport.config.text import BadSyntax, Change, FileText

if TYPE_CHECKING:
    import yaml

QUOTES = "a value that begins with `{{` must stand in quotes"
_IN_BRACKETS = "a text with `{{` in it must stand in quotes within `{ }` and `[ ]`"
_IN_QUOTES = "put the value in double quotes"
_TABS = (2, 4, 8)  # spaces that a tab may stand for
_KEY = re.compile(r"""\s*(?:-\s+)*(?:(?:"[^"]*"|'[^']*'|[^\s'"{}\[\],#&*!|>%@`][^:#]*?):(?:\s+|$))?""")
_BEGINS = re.compile(r"\s*(?:-\s+)*")
_GLUED = re.compile(r"\s*(?:-\s+)*[\w-]+(:)[^\s:/][^:]*$")
_SAID = "it cannot be read as YAML from here on"
_LOOK = "look at this line and the one above it: a quote or a bracket that is not closed, or the indentation"


class Token(NamedTuple):
    """A value within a line, and whether it stands in `{ }` or `[ ]`."""

    start: int
    end: int
    in_brackets: bool


@dataclass(frozen=True)
class _Fault:
    """Where the parser stopped, and where what it was reading had begun."""

    file: FileText
    said: str
    index: int
    began: int
    reading: str

    @property
    def number(self) -> int:
        return self.file.number(self.index)

    @property
    def line(self) -> str:
        return self.file.line(self.number)

    @property
    def column(self) -> int:
        return self.index - self.file.start(self.number)

    @property
    def in_brackets(self) -> bool:
        """Whether the line goes on with brackets that an earlier one opened."""
        return "flow" in self.reading and self.file.number(self.began) < self.number

    def told(self, at: int, message: str, hint: str | None, *meant: FileText) -> BadSyntax:
        return BadSyntax(self.file.problem(at, message, hint), meant, self.file.place(self.index))


def syntax_fault(file: FileText, error: yaml.YAMLError) -> BadSyntax:
    """What is wrong where the parser stopped."""
    mark, began = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    first = mark or began
    index = min(first.index if first is not None else getattr(error, "position", 0), len(file.text))
    said = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "")
    fault = _Fault(file, said, index, began.index if began else index, str(getattr(error, "context", None) or ""))
    for trap in _TRAPS:
        told = trap(fault)
        if told is not None:
            return told
    return fault.told(index, f"{_SAID}: {said}" if said else _SAID, _LOOK)


def quoted(text: str) -> str:
    """A text in quotes that need no escapes where that can be."""
    if '"' not in text and "\\" not in text:
        return f'"{text}"'
    return "'" + text.replace("'", "''") + "'"


def _in_quotes(fault: _Fault, at: int, token: Token, message: str, hint: str = _IN_QUOTES) -> BadSyntax:
    text = fault.file.text[at + token.start : at + token.end]
    change = Change(at + token.start, at + token.end, quoted(text))
    mended = fault.file.changed(change, doubtful="{{" not in text)
    return fault.told(at + token.start, message, hint, mended)


def tokens(line: str, *, in_brackets: bool = False) -> Iterator[Token]:
    """The values of a line, those in quotes too."""
    key = _KEY.match(line)
    start = key.end() if key and not in_brackets else 0
    rest = line[start:]
    if in_brackets or (rest[:1] in ("{", "[") and not rest.startswith("{{")):
        yield from _in_flow(line, start)
    elif rest.strip():
        yield Token(start, _end(line, start), False)


def _end(line: str, start: int) -> int:
    """Where the value of a line ends, without the comment behind it."""
    comment = re.search(r"\s+#", line[start:])
    return start + (comment.start() if comment else len(line[start:].rstrip()))


def _in_flow(line: str, at: int) -> Iterator[Token]:
    start: int | None = None
    while at < len(line):
        two, one = line[at : at + 2], line[at]
        if two == "{{":
            start = at if start is None else start
            at = (line.find("}}", at) + 2) if "}}" in line[at:] else len(line)
            continue
        if one in "\"'" and start is None:
            close = re.compile(r"\"(?:\\.|[^\"])*\"?|'(?:''|[^'])*'?").match(line, at)
            start, at = at, close.end() if close else at + 1
            continue
        ends = one in ",]}" or (one == ":" and two in (": ", ":")) or two == " #"
        if start is not None and ends:
            yield Token(start, start + len(line[start:at].rstrip()), True)
            start = None
        elif start is None and one not in " ,]}{[:\t":
            start = at
        if two == " #":
            return
        at += 1
    if start is not None:
        yield Token(start, len(line.rstrip()), True)


# -- the traps, in the order in which they are looked for


def _tab(fault: _Fault) -> BadSyntax | None:
    line = fault.line
    if "\t" not in line[: len(line) - len(line.lstrip())]:
        return None
    file = fault.file
    begins = [(file.start(number), re.match(r"[ \t]*", file.line(number))) for number in range(1, file.lines + 1)]
    tabbed = [(at, found[0]) for at, found in begins if found is not None and "\t" in found[0]]
    more = len(tabbed) - 1
    hint = "replace the tab with spaces" + (f", here and in {more} more line{'s'[: more > 1]}" if more > 0 else "")
    used = {found[0] for _, found in begins if found is not None and "\t" not in found[0]}
    fits = {width: sum(blank.replace("\t", " " * width) in used for _, blank in tabbed) for width in _TABS}
    widths = sorted(_TABS, key=lambda width: (fits[width], width), reverse=True)
    mended = [
        file.changed(*(Change(at, at + len(blank), blank.replace("\t", " " * width)) for at, blank in tabbed))
        for width in widths
    ]
    at = fault.file.start(fault.number) + line.index("\t")
    return fault.told(at, "YAML is indented with spaces, and this line has a tab", hint, *mended)


def _template(fault: _Fault) -> BadSyntax | None:
    for number in dict.fromkeys((fault.number, fault.file.number(fault.began))):
        line, at = fault.file.line(number), fault.file.start(number)
        for token in tokens(line, in_brackets=fault.in_brackets and number == fault.number):
            text = line[token.start : token.end]
            begins = text.startswith("{{")
            if "{{" in text and text[0] not in "\"'" and (begins or token.in_brackets):
                return _in_quotes(fault, at, token, QUOTES if begins else _IN_BRACKETS, f"write {quoted(text)}")
    return None


def _glued(fault: _Fault) -> BadSyntax | None:
    """`key:value`, which is one text that the next line would go on with."""
    if "mapping values are not allowed" not in fault.said:
        return None
    for number in (fault.number - 1, fault.number):
        found = _GLUED.match(fault.file.line(number)) if number else None
        if found:
            at = fault.file.start(number) + found.end(1)
            mended = fault.file.changed(Change(at, at, " "))
            return fault.told(at - 1, "a space must follow the colon after a key", "write `key: value`", mended)
    above = fault.file.line(fault.number - 1) if fault.number > 1 else ""
    if _is_content(above) and not re.search(r":(\s|$)|^\s*-\s", above):
        at, own = fault.file.start(fault.number - 1), len(above) - len(above.lstrip())
        mended = fault.file.changed(Change(at, at + len(above), ""))
        return fault.told(at + own, "this line has no key with a colon behind it", "write `key: value`", mended)
    return None


def _colon(fault: _Fault) -> BadSyntax | None:
    if "mapping values are not allowed" not in fault.said:
        return None
    at = fault.file.start(fault.number)
    token = next(tokens(fault.line), None)
    if token is not None and token.start < fault.column:
        return _in_quotes(fault, at, token, "a text with `: ` in it must stand in quotes")
    return _indented(fault)


def _brackets(fault: _Fault) -> BadSyntax | None:
    """A bracket that is not closed, or a comma that is missing in one."""
    if "expected ','" not in fault.said and not ("flow" in fault.reading and "stream end" in fault.said):
        return None
    file, close = fault.file, "]" if "sequence" in fault.reading else "}"
    opened = file.number(fault.began)
    if opened < fault.number or fault.index >= len(file.text.rstrip()):
        end = file.start(opened) + _end(file.line(opened), 0)
        closed = file.changed(Change(end, end, close))
        return fault.told(fault.began, f"this bracket is not closed: a `{close}` is missing", None, closed)
    shell = re.search(r"\$\{(\w+)\}", fault.line)
    hint = "a text that holds one of , : [ ] { } stands in double quotes there"
    if shell is not None and shell.start() <= fault.column:
        hint = f'nothing fills in variables of a shell: write "{{{{ secrets.{shell[1].lower()} }}}}"'
    return fault.told(fault.index, f"a comma or `{close}` is expected here", hint, *_whole_text(fault))


def _whole_text(fault: _Fault) -> Iterator[FileText]:
    """The text with what stands before and behind the fault as one value."""
    before = [each for each in tokens(fault.line, in_brackets=fault.in_brackets) if each.start < fault.column]
    if before:
        at = fault.file.start(fault.number)
        start, end = at + before[-1].start, at + _behind(fault.line, fault.column)
        yield fault.file.changed(Change(start, end, quoted(fault.file.text[start:end].rstrip())), doubtful=True)


def _behind(line: str, at: int) -> int:
    """Where a text in brackets ends that holds brackets itself."""
    depth = 0
    while at < len(line) and (depth or line[at] not in ",]}"):
        depth += (line[at] in "[{") - (line[at] in "]}")
        at += 1
    return at


def _alias(fault: _Fault) -> BadSyntax | None:
    if "undefined alias" not in fault.said:
        return None
    name = re.match(r"\*([^\s,\]}]+)", fault.file.text[fault.index :])
    known = re.findall(r"(?:^|\s)&([^\s,\]}]+)", fault.file.text)
    called = name[1] if name else ""
    hint = meant(called, known) or f"a text that begins with * stands in quotes; an anchor is written `&{called}`"
    end = fault.index + len(called) + 1
    mended = fault.file.changed(Change(fault.index, end, "~"), doubtful=True)
    return fault.told(fault.index, f"there is no anchor `&{called}` that `*{called}` could stand for", hint, mended)


def _special(fault: _Fault) -> BadSyntax | None:
    """A character at the start of a text that YAML keeps for itself."""
    starts = ("cannot start any token", "alphabetic or numeric", "expected node content", "comment or line break",
              "mapping keys are not allowed")  # fmt: skip
    if not any(said in fault.said for said in starts):
        return None
    at = fault.file.start(fault.number)
    token = next((each for each in tokens(fault.line) if each.start <= fault.column <= each.end), None)
    first = fault.line[token.start] if token else ""
    if token is None or first not in "@`%*&|>?,[]{}!" or re.search(r":(\s|$)", fault.line[token.start : token.end]):
        return None
    return _in_quotes(fault, at, token, f"a text that begins with {first} must stand in quotes")


def _document(fault: _Fault) -> BadSyntax | None:
    if "another document" not in fault.said:
        return None
    end = fault.file.start(fault.number) + len(fault.line)
    mended = fault.file.changed(Change(fault.file.start(fault.number), end, ""))
    hint = "remove the line, or put what follows into a file of its own: `--config a.yaml --config b.yaml`"
    return fault.told(fault.index, "a second document begins here, and a file holds one", hint, mended)


def _escape(fault: _Fault) -> BadSyntax | None:
    if "unknown escape" not in fault.said:
        return None
    written = re.compile(r'"((?:\\.|[^"\\])*)"').match(fault.file.text, fault.began)
    said = "`\\` begins an escape within double quotes, and there is none of that name"
    if written is None:
        return fault.told(fault.index, said, "use single quotes, or write `\\\\`")
    single = Change(written.start(), written.end(), "'" + written[1].replace("'", "''") + "'")
    return fault.told(fault.index, said, "use single quotes, or write `\\\\`", fault.file.changed(single))


def _open_quote(fault: _Fault) -> BadSyntax | None:
    began = fault.began if "quoted scalar" in fault.reading else _opened_above(fault)
    if began is None:
        return None
    number = fault.file.number(began)
    end = fault.file.start(number) + len(fault.file.line(number).rstrip())
    close = Change(end, end, fault.file.text[began])
    return fault.told(began, "this quote is not closed", None, fault.file.changed(close, doubtful=True))


def _opened_above(fault: _Fault) -> int | None:
    """A quote in the line above that took the beginning of this one for its end."""
    if "expected key" not in fault.said or fault.number == 1:
        return None
    line = fault.file.line(fault.number - 1)
    token = next((each for each in tokens(line) if not each.in_brackets), None)
    text = line[token.start : token.end] if token else ""
    is_open = text[:1] in ('"', "'") and text.count(text[:1]) == 1
    return fault.file.start(fault.number - 1) + token.start if token and is_open else None


def _after_quote(fault: _Fault) -> BadSyntax | None:
    """`"a" b`: a text that begins with a quote ends with it."""
    token = next((each for each in tokens(fault.line) if not each.in_brackets), None)
    before = fault.line[: fault.column].rstrip()
    if token is None or fault.line[token.start] not in "\"'" or fault.column <= token.start or before[-1] not in "\"'":
        return None
    said = "more follows where the quotes have closed"
    hint = "put the whole value in quotes; a quote within single quotes is written twice: ''"
    return _in_quotes(fault, fault.file.start(fault.number), token, said, hint)


def _dash(fault: _Fault) -> BadSyntax | None:
    if "block sequence entries are not allowed" not in fault.said:
        return None
    at, end = fault.index, fault.file.start(fault.number) + _end(fault.line, 0)
    mended = fault.file.changed(Change(at, end, f"[{fault.file.text[at:end].lstrip('- ')}]"), doubtful=True)
    return fault.told(at, "a list with dashes begins on a line of its own", "or write it in brackets: [a, b]", mended)


def _indented(fault: _Fault) -> BadSyntax | None:
    """A line whose indentation is none of those above it."""
    expected = ("mapping values are not allowed", "expected '-' indicator", "expected key", "expected <block end>")
    begins_line = "mapping values" in fault.said or not fault.line[: fault.column].strip()
    if not begins_line or not any(said in fault.said for said in expected):
        return None
    file, number = fault.file, fault.number
    above = next((line for each in range(number - 1, 0, -1) if _is_content(line := file.line(each))), "")
    begins, own = _BEGINS.match(above), len(fault.line) - len(fault.line.lstrip())
    inner = begins.end() if begins else 0
    at = file.start(number)
    widths = [inner, len(above) - len(above.lstrip()), inner + 2, max(inner - 2, 0)]
    meant = [file.changed(Change(at, at + own, " " * width)) for width in dict.fromkeys(widths) if width != own]
    hint = "keys of one mapping begin in one column, and what is under a key is indented further"
    return fault.told(at + own, "the indentation of this line fits none of the lines above it", hint, *meant)


def _is_content(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


_TRAPS: tuple[Callable[[_Fault], BadSyntax | None], ...] = (
    _tab, _document, _escape, _alias, _glued, _template, _colon, _dash, _special, _open_quote, _brackets,
    _after_quote, _indented,
)  # fmt: skip
