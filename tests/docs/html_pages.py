"""What built pages ask for and where they lead, read by the standard library's parser."""

import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser fetches by itself; links are followed by people.
FETCHED = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "object": "data",
    "embed": "src",
    "use": "href",
}
NOT_FETCHED = {"canonical", "index", "search", "next", "prev", "author", "license", "copyright", "top", "up"}
STYLE = re.compile(r"@import\s+(?:url\()?[\"']?([^\"')\s;]+)|url\(\s*[\"']?([^\"')]+)")


class Page(HTMLParser):
    """The ids of a page, its links, what it fetches, the words of its pictures, and its text outside of code."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.fetches, self.pictures, self.prose = [], [], [], [], []
        self._code = 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if given.get("id"):
            self.ids.append(given["id"])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "img":
            self.pictures.append(given.get("alt") or "")
        if tag in FETCHED and given.get(FETCHED[tag]):
            self.fetches.append(given[FETCHED[tag]])
        if tag == "link" and not NOT_FETCHED & set((given.get("rel") or "").split()):
            self.fetches.append(given["href"])
        self.fetches += [found for pair in STYLE.findall(given.get("style") or "") for found in pair if found]
        self._code += tag in ("pre", "code", "script", "style", "math")

    def handle_endtag(self, tag):
        self._code -= tag in ("pre", "code", "script", "style", "math")

    def handle_data(self, data):
        if not self._code:
            self.prose.append(data)


@cache
def read(path):
    return Page(path.read_text(encoding="utf-8"))


def pages(folder):
    return sorted(folder.rglob("*.html"))


def foreign(folder):
    """Return what pages and style sheets fetch from elsewhere, or from a file that is not there."""
    found = []
    for path in pages(folder):
        found += [(path.name, url) for url in read(path).fetches if not _here(path, url)]
    for path in sorted(folder.rglob("*.css")):
        named = STYLE.findall(path.read_text(encoding="utf-8"))
        found += [(path.name, url) for pair in named for url in pair if url and not _here(path, url)]
    return found


def _here(path, url):
    parts = urlsplit(url)
    if parts.scheme == "data" or not (parts.scheme or parts.netloc or parts.path):
        return True
    return not (parts.scheme or parts.netloc) and (path.parent / unquote(parts.path)).exists()


def dead_links(folder):
    """Return links to files or to places in files that are not there."""
    found = []
    for path in pages(folder):
        for url in read(path).links:
            parts = urlsplit(url)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            inside = parts.fragment and target.suffix == ".html"
            if not target.exists() or (inside and unquote(parts.fragment) not in _places(target)):
                found.append((path.name, url))
    return found


@cache
def _places(path):
    return {*read(path).ids, "top"}


def prose(path: Path) -> str:
    return "".join(read(path).prose)
