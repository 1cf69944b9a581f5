"""Formulas in LaTeX, and from LaTeX to MathML for pages."""

import re
from html import escape
from typing import Any

from backlit.errors import MissingPackageError
from backlit.view.symbols import sympy_or_error

_SPECIAL = re.compile(r"[_%&#${}]")
_NUMBER = re.compile(r"(−?)(∞|[\d.]+)(?:e([+−]?\d+))?")
_RULE_PART = re.compile(r"([d∂])(\w+)/[d∂]([\w.]*\w)|([\w.]*[^\W\d_][\w.]*)|(.)")
_UPRIGHT = re.compile(r"\\mathrm\{((?:[^{}\\]|\\.)*)\}")
_ESCAPED = re.compile(r"\\(.)")
# The first letter that Unicode keeps free for private use.
_UNKNOWN = 0xE000
_WORD_SIGNS = {
    **{sign: "\\" + sign for sign in "_%&#"},
    "→": "$\\to$",
    "⊙": "$\\odot$",
    "×": "$\\times$",
    "−": "$-$",
    "∂": "$\\partial$",
    "‖": "$\\|$",
    "∇": "$\\nabla$",
    "…": "\\dots ",
    "'": "$^\\top$",
}
_RULE_SIGNS = {
    "⊙": " \\odot ",
    "·": " \\cdot ",
    "×": " \\times ",
    "−": "-",
    "…": " \\dots ",
    "'": "^\\top",
    " ": " \\, ",
}


def expression(formula: Any) -> str:
    """A SymPy expression; one with a minus sign in front is one piece."""
    names = {symbol: name(str(symbol)) for symbol in formula.free_symbols}
    # Names of several letters side by side need a space to be told apart.
    between = r" \, " if any(len(str(symbol)) > 1 for symbol in names) else None
    text = str(sympy_or_error().latex(formula, symbol_names=names, mul_symbol=between))
    return f"{{{text}}}" if text.startswith("-") else text


def name(text: str) -> str:
    """A name: upright where it has several letters."""
    if len(text) == 1 and text.isalnum():
        return text
    return "\\mathrm{" + _SPECIAL.sub(r"\\\g<0>", text) + "}"


def numbers(text: str) -> str:
    """Numbers, of which each minus sign belongs to its number, and powers of ten are written as such."""

    def part(found: re.Match[str]) -> str:
        sign, digits, power = found.groups()
        ten = "" if power is None else f" \\cdot 10^{{{int(power.replace('−', '-'))}}}"
        return f"{{-{digits}{ten}}}" if sign else f"{digits}{ten}"

    return _NUMBER.sub(part, text).replace("·", "\\cdot").replace("∞", "\\infty")


def partial(upper: str, lower: str) -> str:
    """A partial derivative between two names."""
    return f"\\frac{{\\partial {name(upper)}}}{{\\partial {name(lower)}}}"


def rule(formula: str) -> str:
    """A rule: derivatives as fractions, names upright, signs by their commands."""

    def part(found: re.Match[str]) -> str:
        sign, upper, lower, own, other = found.groups()
        if sign:
            return partial(upper, lower)
        return name(own) if own else _RULE_SIGNS.get(other, other)

    spaced = re.sub(r" ([⊙·×−=+*/]) ", r"\1", formula)
    return _RULE_PART.sub(part, spaced)


def words(text: str) -> str:
    """A sentence."""
    return "".join(_WORD_SIGNS.get(letter, letter) for letter in text)


def typeset(latex: str, text: str) -> str:
    """A formula as MathML, which browsers draw by themselves.

    Args:
        latex: What the functions above write.
        text: The same as plain text, which is read aloud.

    Raises:
        MissingPackageError: latex2mathml is not installed.
    """
    try:
        from latex2mathml.converter import convert
    except ImportError:
        raise MissingPackageError(
            "view.explain: pages need latex2mathml, which is not installed; pip install 'backlit[view]'"
        ) from None
    # Each name stands as one unknown letter until all else is converted: it is a word, not a product of letters.
    names: dict[str, str] = {}

    def letter(found: re.Match[str]) -> str:
        return names.setdefault(found[1], chr(_UNKNOWN + len(names)))

    found = str(convert(_UPRIGHT.sub(letter, latex)))
    for own, unknown in names.items():
        word = escape(_ESCAPED.sub(r"\1", own))
        found = found.replace(f"<mi>{unknown}</mi>", f"<mtext>{word}</mtext>")
    opening = '<math xmlns="http://www.w3.org/1998/Math/MathML" display="inline">'
    return found.replace(opening, f'<math displaystyle="true" style="font-family: inherit" alttext="{escape(text)}">')
