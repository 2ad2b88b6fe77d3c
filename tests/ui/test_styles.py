"""The style sheets, templates and modules keep their promises: contrast, one place for colours, nothing inline, icons that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
TOKENS = (ROOT / "static/css/tokens.css").read_text()
PARTS = (ROOT / "static/css/parts.css").read_text()
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SURFACES = ("sunken", "canvas", "surface", "raised", "hover", "selected")
STATES = ("success", "warning", "failed", "running", "paused", "stopped", "waiting")
COLOURS = (
    dict(re.findall(r"--([a-z0-9-]+):\s*light-dark\((#[0-9a-f]{6}), #[0-9a-f]{6}\)", TOKENS)),
    dict(re.findall(r"--([a-z0-9-]+):\s*light-dark\(#[0-9a-f]{6}, (#[0-9a-f]{6})\)", TOKENS)),
)
LITERAL = re.compile(r"#[0-9a-fA-F]{3,8}\b(?![^{}]*\{)|\brgba?\(|\bhsla?\(|\boklch\(")


def luminance(colour: str) -> float:
    parts = (int(colour[position : position + 2], 16) / 255 for position in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_has_enough_contrast(theme: int) -> None:
    colours = COLOURS[theme]
    pairs = [(ink, surface) for ink in ("ink", "ink-2", "ink-3", "accent") for surface in SURFACES]
    pairs += [(f"{state}-ink", f"{state}-tint") for state in STATES] + [
        (f"{state}-ink", surface) for state in STATES for surface in SURFACES[1:4]
    ]
    pairs += [(f"code-{hue}", "surface") for hue in ("key", "string", "number", "word", "comment")]
    pairs += [
        ("on-accent", "accent-fill"),
        ("on-accent", "accent-fill-hover"),
        ("code-key", "code-jinja"),
        ("ink", "found"),
        ("ink", "added-tint"),
    ]
    low = [
        (ink, back, round(contrast(colours[ink], colours[back]), 2)) for ink, back in pairs if contrast(colours[ink], colours[back]) < 4.5
    ]
    assert low == []


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_outlines_and_bars_are_seen(theme: int) -> None:
    colours = COLOURS[theme]
    shapes = ["line-field", "focus", *(f"{state}-fill" for state in STATES)]
    assert [shape for shape in shapes if contrast(colours[shape], colours["surface"]) < 3] == []


@pytest.mark.parametrize("sheet", sorted((ROOT / "static/css").glob("*.css")), ids=lambda path: path.name)
def test_no_other_sheet_has_a_colour(sheet: Path) -> None:
    if sheet.name == "tokens.css":
        return
    text = re.sub(r"/\*.*?\*/|url\([^)]*\)", "", sheet.read_text(), flags=re.DOTALL)
    values = " ".join(re.findall(r":\s*([^;{}]+);", text))
    assert LITERAL.findall(values) == []
    used = set(re.findall(r"var\(--([a-z0-9-]+)\)", text)) - set(re.findall(r"--([a-z0-9-]+)\s*:", TOKENS + PARTS + text))
    assert {name for name in used if not set_by_a_module(name)} == set()


def set_by_a_module(name: str) -> bool:
    return any(f"--{name}" in module.read_text() for module in (ROOT / "static/js").glob("*.js"))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_a_template_has_nothing_inline(template: Path) -> None:
    text = template.read_text()
    assert re.findall(r"\sstyle\s*=", text) == []
    assert re.findall(r"<style\b|\shx-on|\son[a-z]+\s*=\s*[\"']|javascript:|hx-vals=['\"]js:", text) == []
    assert all("src=" in tag for tag in re.findall(r"<script\b[^>]*>", text) if 'type="application/json"' not in tag)
    assert re.findall(r"(?:src|href)=[\"']https?://", text) == []


def test_every_icon_that_is_named_is_in_the_sprite() -> None:
    sprite = set(re.findall(r'<symbol id="([^"]+)"', (ROOT / "static/icons.svg").read_text()))
    named = {
        name
        for template in TEMPLATES
        for name in re.findall(r"{% icon \"([^\"]+)\"|icon_name=\"([^\"]+)\"", template.read_text())
        for name in name
        if name
    }
    named |= set(
        re.findall(r'"([a-z0-9-]+)",?$', (ROOT / "ui/templatetags/ui.py").read_text().split("STATE_ICONS")[1].split("}")[0], re.MULTILINE)
    )
    assert named - sprite == set()


@pytest.mark.parametrize("module", sorted((ROOT / "static/js").glob("*.js")), ids=lambda path: path.name)
def test_a_module_neither_evaluates_nor_writes_markup_of_others(module: Path) -> None:
    text = module.read_text()
    assert re.findall(r"\beval\(|new Function|document\.write|insertAdjacentHTML", text) == []
    assert "https://" not in text
