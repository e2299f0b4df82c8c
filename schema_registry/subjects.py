"""Subject names and their contexts: `:.ctx:subject` is `subject` in the context `.ctx`.

    subject            default context `.`
    :.:subject         the same
    :.ctx:subject      context `.ctx`
    :.ctx:             the context itself, as config and mode name it
    :.__GLOBAL:        above all contexts

Qualified names are the keys of everything the registry keeps; those of the default context stay bare.
"""

from __future__ import annotations

from schema_registry.errors import invalid_subject

DEFAULT = "."
GLOBAL = ".__GLOBAL"
GLOBAL_SCOPE = f":{GLOBAL}:"
DEFAULT_SCOPE = ""
"""The default context as a scope of config and mode, which is what `/config` and `/mode` mean."""
WILDCARD = ":*:"
FORBIDDEN = ("__GLOBAL", "__EMPTY")


def split(name: str) -> tuple[str, str]:
    """Context and bare subject of a name; the subject is empty for a context itself."""
    if name.startswith(":."):
        context, separator, subject = name[1:].partition(":")
        if separator:
            return context, subject
    return DEFAULT, name


def join(context: str, subject: str) -> str:
    return subject if context == DEFAULT else f":{context}:{subject}"


def qualified(name: str) -> str:
    """The one spelling of a name: `:.:subject` is `subject`."""
    return join(*split(name))


def within(context: str, name: str) -> str:
    """A name as a request under /contexts/{context} means it: a name that is qualified already stays."""
    return name if context == DEFAULT or name.startswith(":.") else join(context, name)


def context_of(name: str) -> str:
    return split(name)[0]


def is_bare(name: str) -> bool:
    """In the default context without saying so; such a name may be looked for elsewhere."""
    return not name.startswith(":.")


def is_context(name: str) -> bool:
    """Names a context and no subject in it. The empty text is the default context."""
    return split(name)[1] == ""


def context_name(text: str) -> str:
    """The context of a path segment under /contexts/: `.ctx`, `:.ctx:` and `ctx` are one."""
    bare = text.strip(":")
    return bare if bare.startswith(".") else f".{bare}"


def checked(name: str) -> str:
    bare = split(name)[1]
    if bare in FORBIDDEN or any(ord(sign) < 32 or ord(sign) == 127 for sign in name):
        raise invalid_subject(name)
    return qualified(name)
