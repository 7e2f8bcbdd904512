"""Finds numbers across the borders of elements, in visual reading order (`web/src/cobrowse/reading.js` at the kiosk).

A number in four spans is a number, and so is one whose parts come in several batches: the texts of the page are kept
while its epoch lasts, in memory only. Slots are not followed here; what stands in one is read after its shadow tree.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import Any, Final

from server.cobrowse.numbers import CELL, JOINED, breaks, hide, mask_numbers
from server.cobrowse.patterns import ENDS, INLINE

END: Final = 2
"""Where another thing begins: no number goes on beyond it."""
NEAR: Final = 64
"""So many texts are looked at to each side of one that changed, and `NODES` nodes on the way to them."""
NODES: Final = 1500
MOST: Final = 200_000
"""Nodes of a page that are kept; of a larger one each text is read by itself."""
NO_TEXT: Final = frozenset(("style", "script", "noscript", "template"))

Fields = dict[str, Any]


class Node:
    """An element, or a text as it was sent to us. `told` is what is known of it where it goes now."""

    __slots__ = (
        "before",
        "behind",
        "edge",
        "first",
        "host",
        "last",
        "number",
        "parent",
        "shadow",
        "tag",
        "text",
        "told",
    )

    def __init__(self, number: int, tag: str, text: str | None, *, shadow: bool) -> None:
        self.number = number
        self.tag = tag
        self.text = text
        self.told = text
        self.shadow = shadow
        self.host = False
        # What lies between an element's texts and those beside it.
        self.edge = END if tag in ENDS else JOINED if tag in INLINE else CELL
        self.parent: Node | None = None
        self.first: Node | None = None
        self.last: Node | None = None
        self.before: Node | None = None
        self.behind: Node | None = None

    def children(self) -> Iterator[Node]:
        at = self.first
        while at:
            yield at
            at = at.behind

    def put(self, child: Node, behind: Node | None) -> None:
        """Add a child, before `behind` or as the last one."""
        self.host = self.host or child.shadow
        before = behind.before if behind else self.last
        child.parent, child.before, child.behind = self, before, behind
        if before:
            before.behind = child
        else:
            self.first = child
        if behind:
            behind.before = child
        else:
            self.last = child

    def leave(self) -> None:
        """Take it out of its parent."""
        if self.before:
            self.before.behind = self.behind
        elif self.parent:
            self.parent.first = self.behind
        if self.behind:
            self.behind.before = self.before
        elif self.parent:
            self.parent.last = self.before
        self.parent = self.before = self.behind = None


class Reading:
    """The texts of one epoch's page, and what may be seen of them. Events are those that `nodes` has cleaned."""

    def __init__(self) -> None:
        self._nodes: dict[int, Node] = {}

    def picture(self, document: Fields) -> None:
        """Mask the texts of a whole page, which is known from now on."""
        self._nodes = {}
        told: dict[int, Fields] = {}
        root = self._build(document, told)
        segment = _Segment()
        for step in _within(root):
            if step == END:
                self._judge(segment, told, None)
                segment = _Segment()
            else:
                segment.push(step)
        self._judge(segment, told, None)
        self._alone(told)

    def mutation(self, data: Fields, sheets: Container[int]) -> None:
        """Mask the texts of a change, and those that were told before and are part of a number now.

        Texts with an id in `sheets` are style sheets' and stay as they are.
        """
        told: dict[int, Fields] = {}
        changed: list[Node] = []
        for remove in data["removes"]:
            changed += self._remove(remove["id"])
        for add in _in_order(data["adds"], self._nodes):
            changed += self._add(add, told)
        for text in data["texts"]:
            node = self._nodes.get(text["id"])
            if node is not None and node.text is not None and text["value"] is not None:
                node.text = text["value"]
                told[text["id"]] = text
                changed.append(node)
            elif node is None and text["value"] is not None and text["id"] not in sheets:
                text["value"] = mask_numbers(text["value"])
        done: set[int] = set()
        more: list[Fields] = []
        for node in changed:
            if node.number not in done and node.number in self._nodes:
                self._read(node, told, more, done)
        self._alone(told)
        data["texts"] += more

    def _build(self, given: Fields, told: dict[int, Fields]) -> Node:
        """The node of a serialised one, with all that is in it."""
        text = given.get("textContent") if given["type"] == 3 and not given.get("isStyle") else None
        node = Node(given["id"], str(given.get("tagName", "")).lower(), text, shadow=given.get("isShadow") is True)
        if text is not None:
            told[node.number] = given
        if len(self._nodes) < MOST:
            self._nodes[node.number] = node
        for child in given.get("childNodes", ()):
            node.put(self._build(child, told), None)
        return node

    def _add(self, add: Fields, told: dict[int, Fields]) -> Iterable[Node]:
        given, parent = add["node"], self._nodes.get(add["parentId"])
        self._remove(given["id"])
        node = self._build(given, told)
        if parent is not None:
            behind = self._nodes.get(add["nextId"]) if add["nextId"] is not None else None
            parent.put(node, behind if behind and behind.parent is parent else None)
        return _texts(node)

    def _remove(self, number: int) -> list[Node]:
        """Forget a node and all in it; what stood beside it may be read together now."""
        node = self._nodes.get(number)
        if node is None:
            return []
        beside = [text for forward in (False, True) if (text := _first_text(node, forward=forward))]
        node.leave()
        left = [node]
        while left:
            gone = left.pop()
            if self._nodes.get(gone.number) is gone:
                del self._nodes[gone.number]
            left += gone.children()
        return beside

    def _read(self, node: Node, told: dict[int, Fields], more: list[Fields], done: set[int]) -> None:
        before, began = _side(node, forward=False)
        behind, ended = _side(node, forward=True)
        segment = _Segment()
        for step in (*reversed(before), node, *behind):
            segment.push(step)
        self._judge(segment, told, more)
        nodes = segment.nodes
        done |= {one.number for one in nodes[0 if began else NEAR // 2 : len(nodes) if ended else -NEAR // 2]}
        done.add(node.number)

    def _judge(self, segment: _Segment, told: dict[int, Fields], more: list[Fields] | None) -> None:
        for node, text in zip(segment.nodes, hide(segment.texts, segment.joints), strict=True):
            given = told.get(node.number)
            if given is not None:
                given["value" if "value" in given else "textContent"] = node.told = text
            elif more is not None and text not in (node.told, node.text):
                node.told = text
                more.append({"id": node.number, "value": text})

    def _alone(self, told: dict[int, Fields]) -> None:
        """Texts that nothing was read of: on no page that is known, or on one that is too large."""
        for number, given in told.items():
            if number not in self._nodes:
                key = "value" if "value" in given else "textContent"
                given[key] = mask_numbers(given[key])


class _Segment:
    """Texts in the order of reading, and how each follows the one before."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.joints: list[int] = []
        self.nodes: list[Node] = []
        self._joint = JOINED

    def push(self, step: Node | int) -> None:
        if isinstance(step, int):
            self._joint = max(self._joint, step)
            return
        self.texts.append(step.text or "")
        self.joints.append(self._joint)
        self.nodes.append(step)
        self._joint = JOINED


def _in_order(adds: list[Fields], known: dict[int, Node]) -> Iterator[Fields]:
    """The added nodes, each when what it stands before is there, if that comes at all."""
    waiting = {add["node"]["id"] for add in adds}
    later = []
    for add in adds:
        if add["nextId"] in waiting and add["nextId"] not in known:
            later.append(add)
            continue
        waiting.discard(add["node"]["id"])
        yield add
    yield from reversed(later)


def _texts(node: Node) -> list[Node]:
    return [step for step in _within(node) if isinstance(step, Node)]


def _first_text(node: Node, *, forward: bool) -> Node | None:
    """The text before or behind a node, where they are read together."""
    for step in _side(node, forward=forward)[0]:
        if isinstance(step, Node):
            return step
    return None


def _within(node: Node, *, forward: bool = True) -> Iterator[Node | int]:
    """The texts in a node and the edges between them."""
    # What is to come, the next last: nodes to enter, and edges.
    left: list[Node | int] = [node]
    while left:
        at = left.pop()
        if isinstance(at, int) or at.text is not None:
            yield at
            continue
        edge = at.edge
        yield edge
        left.append(edge)
        if at.tag in NO_TEXT:
            continue
        if at.host:
            shadow = [child for child in at.children() if child.shadow]
            inside: list[Node | int] = [*shadow, END, *(child for child in at.children() if not child.shadow)]
            left += inside[::-1] if forward else inside
            continue
        child = at.last if forward else at.first
        while child:
            left.append(child)
            child = child.before if forward else child.behind


def _outwards(node: Node, *, forward: bool) -> Iterator[Node | int]:
    """The texts before or behind a node, and the edges on the way, up to the page's."""
    at: Node | None = node
    while at:
        beside = at.behind if forward else at.before
        if beside and beside.shadow == at.shadow:
            yield from _within(beside, forward=forward)
            at = beside
        else:
            at = at.parent
            if at:
                yield at.edge


def _side(node: Node, *, forward: bool) -> tuple[list[Node | int], bool]:
    """What is read before or behind a text up to where no number goes on, and whether that was reached."""
    steps: list[Node | int] = []
    texts = 0
    for step in _outwards(node, forward=forward):
        if step == END:
            return steps, True
        steps.append(step)
        if isinstance(step, Node):
            if breaks(step.text or ""):
                return steps, True
            texts += 1
        if texts >= NEAR or len(steps) > NODES:
            return steps, False
    return steps, True
