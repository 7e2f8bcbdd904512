"""Finds numbers across the borders of elements, in visual reading order (`web/src/cobrowse/reading.js` at the kiosk).

A number in four spans is a number, and so is one in four fields, one whose parts stand in slots or one below the other,
and one whose parts come in several batches: the texts of the page are kept while its epoch lasts, in memory only. What
style sheets put before and after elements is not read here, for that takes a browser.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import Any, Final, NamedTuple

from server.cobrowse.clobber import harmless_name
from server.cobrowse.numbers import CELL, END, JOINED, breaks, hide, is_bare, mask_numbers
from server.cobrowse.patterns import ENDS, INLINE, STARS

NEAR: Final = 64
"""So many texts are looked at to each side of one that changed, and `NODES` nodes on the way to them."""
NODES: Final = 1500
MOST: Final = 200_000
"""Nodes of a page that are kept; of a larger one each text is read by itself."""
NO_TEXT: Final = frozenset(("style", "script", "noscript", "template", "textarea"))
NO_FIELDS: Final = frozenset(("checkbox", "radio", "file", "image", "color", "range", "hidden"))
"""Types of inputs that do not show their value as it is."""

Fields = dict[str, Any]


class Told(NamedTuple):
    """Where a text stands that is being cleaned: an object of the event, and the key in it."""

    holder: Fields
    key: str

    def put(self, text: str) -> None:
        self.holder[self.key] = text


class Node:
    """An element, a text or a field, as it was sent to us. `told` is what is known of its text where it goes now."""

    __slots__ = (
        *("before", "behind", "edge", "field", "first", "hint", "host", "last", "name", "number", "of", "parent"),
        *("shadow", "tag", "text", "told"),
    )

    def __init__(self, given: Fields) -> None:
        self.number: int = given["id"]
        self.tag = str(given.get("tagName", "")).lower()
        self.shadow = given.get("isShadow") is True
        self.host = False
        attributes: Fields = given.get("attributes", {})
        kind = str(attributes.get("type", "")).lower()
        self.field = self.tag == "textarea" or (self.tag == "input" and kind not in NO_FIELDS)
        self.hint = _shown(attributes.get("placeholder")) if self.field else ""
        # Of a slot its own name, of others that of the slot which they ask for.
        self.name = _slot_name(attributes.get("name" if self.tag == "slot" else "slot"))
        text: str | None = None
        if self.field:
            text = _seen(attributes.get("value"), self.hint)
        elif given["type"] == 3 and not given.get("isStyle"):
            text = given["textContent"]
        self.text = text
        self.told = text
        # What lies between an element's texts and those beside it.
        self.edge = END if self.tag in ENDS else JOINED if self.tag in INLINE else CELL
        self.parent: Node | None = None
        self.first: Node | None = None
        self.last: Node | None = None
        self.before: Node | None = None
        self.behind: Node | None = None
        self.of: Node | None = None

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
        # By the number of a host, its slots by their names.
        self._slots: dict[int, dict[str, Node]] = {}

    def picture(self, document: Fields) -> None:
        """Mask the texts of a whole page, which is known from now on."""
        self._nodes = {}
        self._slots = {}
        told: dict[int, Told] = {}
        root, slots = self._build(document, told)
        for slot in slots:
            self._enter(slot)
        segment = _Segment()
        for step in self._within(root):
            if step == END and not segment.open:
                self._judge(segment, told, None)
                segment = _Segment()
            else:
                segment.push(step)
        self._judge(segment, told, None)
        self._alone(told)

    def mutation(self, data: Fields, sheets: Container[int]) -> list[Fields]:
        """Mask the texts of a change, and those that were told before and are part of a number now.

        Texts with an id in `sheets` are style sheets' and stay as they are. Returns further changes that belong behind
        this one: what fields show.
        """
        told: dict[int, Told] = {}
        changed: list[Node] = []
        for remove in data["removes"]:
            changed += self._remove(remove["id"])
        for add in _in_order(data["adds"], self._nodes):
            changed += self._add(add, told)
        for text in data["texts"]:
            node = self._nodes.get(text["id"])
            if node is not None and node.text is not None and not node.field and text["value"] is not None:
                node.text = text["value"]
                told[text["id"]] = Told(text, "value")
                changed.append(node)
            elif node is None and text["value"] is not None and text["id"] not in sheets:
                text["value"] = mask_numbers(text["value"])
        for change in data["attributes"]:
            changed += self._attributes(change["id"], change["attributes"], told)
        texts, inputs = self._around(changed, told)
        data["texts"] += texts
        return inputs

    def input(self, data: Fields) -> list[Fields]:
        """Mask what a field shows now; returns further changes that belong behind this one."""
        node = self._nodes.get(data["id"])
        if node is None or not node.field:
            data["text"] = mask_numbers(data["text"])
            return []
        node.text = _seen(data["text"], node.hint)
        told = {node.number: Told(data, "text")} if _shown(data["text"]) else {}
        texts, inputs = self._around([node], told)
        more = [{"source": 0, "texts": texts, "attributes": [], "removes": [], "adds": []}] if texts else []
        return more + inputs

    def _around(self, changed: list[Node], told: dict[int, Told]) -> tuple[list[Fields], list[Fields]]:
        """Mask what changed; returns texts that less may be seen of now, and input events of such fields."""
        done: set[int] = set()
        more: list[Node] = []
        for node in changed:
            if node.number not in done and node.number in self._nodes:
                self._read(node, told, more, done)
        self._alone(told)
        texts = [{"id": node.number, "value": node.told} for node in more if not node.field]
        fields = [node for node in more if node.field]
        return texts, [{"source": 5, "id": node.number, "text": node.told, "isChecked": False} for node in fields]

    def _attributes(self, number: int, attributes: Fields, told: dict[int, Told]) -> list[Node]:
        node = self._nodes.get(number)
        if node is None:
            return []
        if node.tag == "slot" and "name" in attributes:
            self._exit(node)
            node.name = _slot_name(attributes["name"])
            self._enter(node)
        elif "slot" in attributes:
            node.name = _slot_name(attributes["slot"])
        if not node.field or not attributes.keys() & {"value", "placeholder"}:
            return []
        if "placeholder" in attributes:
            node.hint = _shown(attributes["placeholder"])
        value = _shown(attributes.get("value"))
        node.text = _seen(attributes.get("value"), node.hint)
        if node.text:
            told[number] = Told(attributes, "value" if value else "placeholder")
        if not value and "placeholder" not in attributes:
            told.pop(number, None)
        return [node]

    def _build(self, given: Fields, told: dict[int, Told]) -> tuple[Node, list[Node]]:
        """The node of a serialised one, with all that is in it, and the slots among them."""
        node = Node(given)
        slots = [node] if node.tag == "slot" else []
        if node.tag in ("input", "textarea"):
            attributes = given["attributes"]
            seen = "value" if _shown(attributes.get("value")) else "placeholder"
            for key in ("value", "placeholder"):
                if node.text and key == seen:
                    told[node.number] = Told(attributes, key)
                elif _shown(attributes.get(key)):
                    attributes[key] = mask_numbers(attributes[key])
        elif node.text is not None:
            told[node.number] = Told(given, "textContent")
        if len(self._nodes) < MOST:
            self._nodes[node.number] = node
        for child in given.get("childNodes", ()):
            inside, more = self._build(child, told)
            slots += more
            node.put(inside, None)
            if node.tag == "textarea" and inside.text is not None:
                # Not seen; its field shows the value.
                child["textContent"] = mask_numbers(inside.text)
                told.pop(inside.number, None)
        return node, slots

    def _add(self, add: Fields, told: dict[int, Told]) -> Iterable[Node]:
        given, parent = add["node"], self._nodes.get(add["parentId"])
        self._remove(given["id"])
        node, slots = self._build(given, told)
        if parent is not None:
            behind = self._nodes.get(add["nextId"]) if add["nextId"] is not None else None
            parent.put(node, behind if behind and behind.parent is parent else None)
        for slot in slots:
            self._enter(slot)
        return [step for step in self._within(node) if isinstance(step, Node)]

    def _remove(self, number: int) -> list[Node]:
        """Forget a node and all in it; what stood beside it may be read together now."""
        node = self._nodes.get(number)
        if node is None:
            return []
        beside = [text for forward in (False, True) if (text := self._first_text(node, forward=forward))]
        node.leave()
        left = [node]
        while left:
            gone = left.pop()
            if self._nodes.get(gone.number) is gone:
                del self._nodes[gone.number]
            if gone.tag == "slot":
                self._exit(gone)
            if gone.host:
                self._slots.pop(gone.number, None)
            left += gone.children()
        return beside

    def _enter(self, slot: Node) -> None:
        """Know a slot by its host."""
        at: Node | None = slot
        while at and not at.shadow:
            at = at.parent
        slot.of = at.parent if at else None
        if slot.of:
            self._slots.setdefault(slot.of.number, {}).setdefault(slot.name, slot)

    def _exit(self, slot: Node) -> None:
        slots = self._slots.get(slot.of.number, {}) if slot.of else {}
        if slots.get(slot.name) is slot:
            del slots[slot.name]

    def _slot_of(self, node: Node) -> Node | None:
        """The slot that a node is shown in."""
        parent = node.parent
        if parent is None or not parent.host or node.shadow:
            return None
        return self._slots.get(parent.number, {}).get("" if node.tag == "" else node.name)

    def _shown_in(self, node: Node) -> list[Node]:
        """The children of an element as they are shown: a slot's are those assigned to it."""
        if node.host:
            return [child for child in node.children() if child.shadow]
        if node.tag == "slot" and node.of and self._slots.get(node.of.number, {}).get(node.name) is node:
            assigned = [child for child in node.of.children() if self._slot_of(child) is node]
            if assigned:
                return assigned
        return list(node.children())

    def _within(self, node: Node, *, forward: bool = True) -> Iterator[Node | int]:
        """The texts in a node and the edges between them."""
        # What is to come, the next last: nodes to enter, texts to tell of, and edges.
        left: list[Node | int] = [node]
        while left:
            at = left.pop()
            if isinstance(at, int) or (at.text is not None and not at.field):
                yield at
                continue
            yield at.edge
            if at.field:
                yield at
            left.append(at.edge)
            if at.tag in NO_TEXT:
                continue
            inside: list[Node | int] = [*self._shown_in(at)]
            if at.host:
                for child in at.children():
                    if not child.shadow and self._slot_of(child) is None:
                        inside += (END, child, END)
            left += inside[::-1] if forward else inside

    def _beside(self, node: Node, *, forward: bool) -> Node | None:
        slot = self._slot_of(node)
        if slot is None and node.parent and node.parent.host and not node.shadow:
            return None  # in no slot: nowhere
        at = node.behind if forward else node.before
        for _ in range(NEAR):
            if at is None or (self._slot_of(at) is slot and at.shadow == node.shadow):
                return at
            at = at.behind if forward else at.before
        return None

    def _outwards(self, node: Node, *, forward: bool) -> Iterator[Node | int]:
        """The texts before or behind a node, and the edges on the way, up to the page's."""
        at: Node | None = node
        while at:
            beside = self._beside(at, forward=forward)
            if beside:
                yield from self._within(beside, forward=forward)
                at = beside
            else:
                at = self._slot_of(at) or at.parent
                if at:
                    yield at.edge

    def _side(self, node: Node, *, forward: bool) -> tuple[list[Node | int], bool]:
        """What is read before or behind a text up to where no number goes on, and whether that was reached."""
        steps: list[Node | int] = [node.edge] if node.field else []
        texts = 0
        is_open = is_bare(node.text or "")
        for step in self._outwards(node, forward=forward):
            if step == END and not is_open:
                return steps, True
            steps.append(step)
            if isinstance(step, Node):
                text = step.text or ""
                if breaks(text):
                    return steps, True
                is_open = is_open or is_bare(text)
                texts += 1
            if texts >= NEAR or len(steps) > NODES:
                return steps, False
        return steps, True

    def _first_text(self, node: Node, *, forward: bool) -> Node | None:
        """The text before or behind a node, where they are read together."""
        for step in self._side(node, forward=forward)[0]:
            if isinstance(step, Node):
                return step
        return None

    def _read(self, node: Node, told: dict[int, Told], more: list[Node], done: set[int]) -> None:
        before, began = self._side(node, forward=False)
        behind, ended = self._side(node, forward=True)
        segment = _Segment()
        for step in (*reversed(before), node, *behind):
            segment.push(step)
        self._judge(segment, told, more)
        nodes = segment.nodes
        done |= {one.number for one in nodes[0 if began else NEAR // 2 : len(nodes) if ended else -NEAR // 2]}
        done.add(node.number)

    def _judge(self, segment: _Segment, told: dict[int, Told], more: list[Node] | None) -> None:
        for node, left in zip(segment.nodes, hide(segment.texts, segment.joints), strict=True):
            # An emptied field would show its placeholder.
            text = left or STARS if node.field and node.text else left
            given = told.get(node.number)
            if given is not None:
                node.told = text
                given.put(text)
            elif more is not None and text not in (node.told, node.text):
                node.told = text
                more.append(node)

    def _alone(self, told: dict[int, Told]) -> None:
        """Texts that nothing was read of: on no page that is known, or on one that is too large."""
        for number, given in told.items():
            if number not in self._nodes:
                given.put(mask_numbers(given.holder[given.key]))


def _shown(value: object) -> str:
    """What a field shows that could be read, "" where it is masked."""
    return value if isinstance(value, str) and value != STARS else ""


def _seen(value: object, hint: str) -> str:
    """What is seen in a field: its value, or its placeholder where it has none."""
    return _shown(value) or ("" if value else hint)


def _slot_name(value: object) -> str:
    return harmless_name(value) if isinstance(value, str) else ""


class _Segment:
    """Texts in the order of reading, and how each follows the one before."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.joints: list[int] = []
        self.nodes: list[Node] = []
        self._joint = JOINED
        self.open = False
        """Whether the last text is nothing but digits: a number may go on in another part of the page."""

    def push(self, step: Node | int) -> None:
        if isinstance(step, int):
            self._joint = max(self._joint, step)
            return
        text = step.text or ""
        if text and not text.isspace():
            self.open = is_bare(text)
        self.texts.append(text)
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
