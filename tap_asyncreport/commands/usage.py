"""What was meant by words of the command line that no command understands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import click

from tap_asyncreport.calling import NAME, called, meltano_name
from tap_asyncreport.config.nearest import nearest

_FILES = (".yaml", ".yml", ".json")
_SHORT = {"-c": "--config", "-s": "--state", "-h": "--help", "-V": "--version"}
# What other tools call what the tap itself does.
_TAP = {
    "sync": "--config FILE", "run": "--config FILE", "read": "--config FILE", "discover": "--config FILE --discover",
    "about": "--about", "version": "--version", "catalog": "--config FILE --discover",
}  # fmt: skip


def put_right(
    error: click.UsageError, arguments: Sequence[str], commands: Mapping[str, click.Command]
) -> click.UsageError:
    """The error with what is to be written instead, where that is plain."""
    hint = _hint(error, arguments, commands) if error.ctx is not None else None
    if hint is None:
        return error
    said = error.format_message() if isinstance(error, click.MissingParameter) else error.message
    return click.UsageError(f"{said.rstrip('.')}; {hint}", error.ctx)


def _hint(error: click.UsageError, arguments: Sequence[str], commands: Mapping[str, click.Command]) -> str | None:
    assert error.ctx is not None
    command = error.ctx.command
    if isinstance(error, click.MissingParameter):
        hint = with_config(command, arguments)
        lacking = error.param.opts[0] if isinstance(error.param, click.Option) else ""
        return hint if hint is None or lacking in hint else f"{hint} {lacking} FILE"
    if isinstance(error, click.NoSuchOption):
        return _option(error, commands)
    if "unexpected extra argument" in error.message:
        return _extra(command, arguments, commands)
    if "No such command" in error.message or "there is no command" in error.message:
        return _command(command, arguments, commands)
    return None


def is_file(word: str) -> bool:
    """Whether a word is the path of a configuration or a state rather than a name."""
    return word.lower().endswith(_FILES)


def _option(error: click.NoSuchOption, commands: Mapping[str, click.Command]) -> str:
    assert error.ctx is not None
    command, name = error.ctx.command, error.option_name
    known = [option for each in command.get_params(error.ctx) for option in each.opts]
    found = _SHORT.get(name, name) if _SHORT.get(name, name) in known else nearest(name, known)
    if found is not None:
        return f"did you mean {found}?"
    if name == "--config":
        return f"leave it out: `{command.name}` reads no configuration"
    theirs = [each for each, other in commands.items() if any(name in option.opts for option in other.params)]
    return f"it is an option of {' and '.join(theirs)}" if theirs else f"there are {', '.join(known)}"


def _extra(command: click.Command, arguments: Sequence[str], commands: Mapping[str, click.Command]) -> str | None:
    words = list(arguments)
    first = next((at for at in _loose(command, words) if words[at] in commands and words[0].startswith("-")), None)
    if first is not None:
        return f"a command is the first word: {_shown([words.pop(first), *words])}"
    return with_config(command, words)


def with_config(command: click.Command, arguments: Sequence[str]) -> str | None:
    """What to write where a file stands bare among the words of a command; None where none does."""
    words = list(arguments)
    files = [at for at in _loose(command, words) if is_file(words[at])]
    if not files:
        return None
    options = {option for each in command.params for option in each.opts}
    if "--config" not in options:
        file = words[files[0]]
        instead = ["init", "--write", file] if command.name == "init" else ["check", "--config", file]
        return f"`{command.name}` reads no file; write {_shown(instead)}"
    for at in reversed(files):
        is_state = "state" in words[at].lower() and "--state" in options and "--state" not in words
        words.insert(at, "--state" if is_state else "--config")
    return f"write {_shown(words)}"


def _command(group: click.Command, arguments: Sequence[str], commands: Mapping[str, click.Command]) -> str | None:
    word, *rest = arguments if group.name == NAME else arguments[1:]
    if group.name != NAME:
        known = getattr(group, "commands", {})
        found = nearest(word, known)
        if found is None and group.name == "definitions" and not rest:
            return f"write {_shown(['definitions', 'show', word])}"
        return f"did you mean {found}?" if found else f"there is {' and '.join(known)}"
    if is_file(word):
        return f"write {_shown(['--config', word, *rest])}"
    if word == "help":
        return f"write {_shown([*rest[:1], '--help'])}"
    if word.lower() in _TAP:
        return f"write {NAME} {_TAP[word.lower()]}"
    near = nearest(word, commands)
    return f"did you mean {near}?" if near else f"there are {', '.join(commands)}"


def _shown(words: Sequence[str]) -> str:
    """The command line that does it; under Meltano its own, which gives the configuration itself."""
    words = list(words)
    if meltano_name() is not None and "ENV" in words[1:]:
        at = words.index("ENV")
        words = words[: at - 1] + words[at + 1 :]
    return called(words)


def _loose(command: click.Command, words: Sequence[str]) -> Iterator[int]:
    """The places of words that are no option, no option's value, and not the command itself."""
    options = [each for each in command.params if isinstance(each, click.Option) and not each.is_flag]
    takes = {name for each in options for name in each.opts}
    for at, word in enumerate(words):
        if not word.startswith("-") and word != command.name and (not at or words[at - 1] not in takes):
            yield at
