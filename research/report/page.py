"""Write the report: one page of HTML, and Markdown beside figures."""

import base64
import html
import re
import urllib.parse
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from research.study.figures import Figure

__all__ = ['write_pages']

TEMPLATES = Path(__file__).parent / 'templates'
#: Marks within a line, which the texts share with Markdown.
MARKS = {
    r'`([^`]+)`': r'<code>\1</code>',
    r'\*\*([^*]+)\*\*': r'<strong>\1</strong>',
    r'\[([^\]]+)\]\((https?:[^)\s]+)\)': r'<a href="\2">\1</a>',
    r'\n': '<br>',
}


def write_pages(content: dict[str, Any], folder: Path) -> None:
    """Write both forms of the report.

    Args:
        content (dict): What the template ``report.jinja`` asks for.
        folder (Path): Where to; the figures are in it.
    """
    markdown = _environment(autoescape=False)
    markdown.filters['inline'] = lambda text: text.replace('\n', '<br>')
    text = markdown.get_template('report.jinja').render(
        content, to='markdown.jinja', page=False
    )
    text = re.sub(r'\n{3,}', '\n\n', text).strip()
    (folder / 'README.md').write_text(f'{text}\n')
    page = _environment(autoescape=True)
    page.filters.update(inline=_inline, embedded=_embedded, slug=_slug)
    text = page.get_template('page.jinja').render(
        content, to='html.jinja', page=True
    )
    lines = (line.rstrip() for line in text.splitlines())
    text = '\n'.join(line for line in lines if line)
    (folder / 'index.html').write_text(f'{text}\n')


def _environment(autoescape: bool) -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=autoescape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _inline(text: str) -> Markup:
    # What a template has rendered is escaped already.
    found = str(text) if isinstance(text, Markup) else html.escape(text)
    for mark, tag in MARKS.items():
        found = re.sub(mark, tag, found)
    return Markup(found)


def _embedded(figure: Figure) -> str:
    data = figure.file.read_bytes()
    return f'data:image/svg+xml;base64,{base64.b64encode(data).decode()}'


def _slug(text: str) -> str:
    return urllib.parse.quote(re.sub(r'\W+', '-', text.lower()).strip('-'))
