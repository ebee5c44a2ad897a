"""Pages as trees: what an HTML parser makes of them, and what is the matter with them."""

import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}


class _Builder(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.faults, self.open, self.root = [], [], None

    def handle_starttag(self, tag, attributes):
        self._start(tag, attributes)
        if tag in VOID:
            self.open.pop()

    def handle_startendtag(self, tag, attributes):
        self._start(tag, attributes)
        self.open.pop()

    def _start(self, tag, attributes):
        names = [name for name, _ in attributes]
        if len(set(names)) < len(names):
            self.faults.append(f"<{tag}>: an attribute stands twice")
        element = ElementTree.Element(tag, {name: value or "" for name, value in attributes})
        if self.open:
            self.open[-1].append(element)
        elif self.root is None:
            self.root = element
        else:
            self.faults.append(f"<{tag}> after the end")
        self.open.append(element)

    def handle_endtag(self, tag):
        if not self.open or self.open[-1].tag != tag:
            self.faults.append(f"</{tag}> where <{self.open[-1].tag if self.open else 'nothing'}> is open")
            return
        self.open.pop()

    def handle_data(self, data):
        if not self.open:
            if data.strip():
                self.faults.append(f"text outside: {data[:40]!r}")
        elif len(self.open[-1]):
            self.open[-1][-1].tail = (self.open[-1][-1].tail or "") + data
        else:
            self.open[-1].text = (self.open[-1].text or "") + data


def tree(page):
    """Return the root element of a page that is well-formed."""
    builder = _Builder()
    builder.feed(page)
    builder.close()
    faults = builder.faults + [f"<{element.tag}> is never closed" for element in builder.open]
    assert not faults, faults[:5]
    return builder.root


def text(element):
    """Return what an element says, spaces as one."""
    return " ".join("".join(element.itertext()).split())


def faults(page):
    """Return what is the matter: ids that stand twice, links and references that lead nowhere or elsewhere."""
    root = tree(page)
    found, ids = [], [element.get("id") for element in root.iter() if element.get("id") is not None]
    found += [f"the id {name!r} stands twice" for name in sorted({name for name in ids if ids.count(name) > 1})]
    for element in root.iter():
        for name, value in element.attrib.items():
            if name.startswith("on"):
                found.append(f"<{element.tag} {name}>")
            if name in ("aria-labelledby", "aria-describedby", "aria-controls", "for"):
                found += [f"{name}: no element {each!r}" for each in value.split() if each not in ids]
            if name in ("src", "srcset", "action", "data", "poster"):
                found.append(f"<{element.tag} {name}={value!r}>")
            if name in ("href", "xlink:href"):
                inside = value.startswith("#") and value[1:] in ids
                if not inside and not (element.tag == "a" and value.startswith("https://arxiv.org/")):
                    found.append(f"<{element.tag} href={value!r}> leads nowhere, or elsewhere")
    return found
