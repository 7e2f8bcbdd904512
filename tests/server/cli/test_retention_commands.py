"""`visavis retention`, `hold` and `admin retention`, as people type them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from server.blobs.blobs import Blobs
from server.blobs.vault import Vault, load_site_key
from server.config import Config
from server.journal import Audit, Journal
from server.store import Store
from tests.server.cli.test_commands import Command
from tests.server.evidence.recorded import SESSION, Archive, record

LAW = "民法典 188"


@pytest.fixture
def visavis(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command on a directory with one recorded session of some months ago, and a service."""
    data = tmp_path / "data"
    command = Command(data, capsys, monkeypatch)
    adding = ("admin", "service", "add", "wealth", "--zh", "理财", "--en", "Wealth", "--json")
    assert command(*adding).code == 0
    asyncio.run(_record(data))
    return command


async def _record(data: Path) -> None:
    config = Config(data=data)
    store = await Store.open(config.database_url)
    vault = Vault(store.data_keys, await load_site_key(config.site_key_file))
    archive = Archive(store, Journal(store), Blobs.at(config.blobs_location), vault, data)
    await record(archive, seconds=1)
    await store.close()


def actions(data: Path) -> list[str]:
    async def read() -> list[str]:
        store = await Store.open(Config(data=data).database_url)
        found = [entry.action for entry in await Audit(store).read()]
        await store.close()
        return found

    return asyncio.run(read())


def test_rules_are_added_listed_and_removed(visavis: Command) -> None:
    assert visavis("admin", "retention", "list", "--json").json == []
    added = visavis(
        *("admin", "retention", "add", "sales", "--like", "sales-recording", "--service", "wealth"),
        *("--outcome", "resolved", "--outcome", "follow_up", "--json"),
    ).json
    assert (added["keep"], added["from"]) == ("P6M", "product_ended")
    assert added["applies_to"] == "service=wealth outcome=resolved|follow_up"
    assert "银监办发〔2017〕110号" in added["source"]
    own = ("--from", "call_ended", "--keep", "P3Y", "--source", LAW)
    assert visavis("admin", "retention", "add", "claims", *own).code == 0
    assert [rule["rule"] for rule in visavis("admin", "retention", "list", "--json").json] == ["claims", "sales"]
    templates = visavis("admin", "retention", "templates", "--json").json
    assert {one["template"] for one in templates} >= {"sales-recording", "insurance-long", "customer-identity"}
    assert all(one["source"] for one in templates)
    for wrong in (
        ("claims", *own),
        ("x", "--from", "call_ended", "--keep", "5 years", "--source", LAW),
        ("x", "--from", "call_ended", "--keep", "P5Y"),
        ("x", "--keep", "P5Y", "--source", LAW),
        ("x", *own, "--service", "none"),
        ("X!", *own),
    ):
        result = visavis("admin", "retention", "add", *wrong)
        assert result.code == 1, wrong
        assert result.err.startswith("visavis: ")
    assert visavis("admin", "retention", "remove", "sales").code == 0
    assert visavis("admin", "retention", "remove", "sales").code == 1
    told = actions(visavis.data)
    assert [told.count(name) for name in ("retention.add", "retention.remove")] == [2, 1]


def test_what_would_be_deleted_is_listed_and_then_deleted(visavis: Command, tmp_path: Path) -> None:
    run, verify = ("retention", "run", "--json"), ("verify", SESSION, "--json")
    assert visavis(*run).json == [], "without a rule nothing is ever deleted"
    visavis("admin", "retention", "add", "now", "--from", "call_ended", "--keep", "P0D", "--source", LAW)
    (told,) = visavis(*run, "--dry-run").json
    assert (told["session"], told["rule"], told["source"]) == (SESSION, "now", LAW)
    assert visavis(*verify).json["verdict"] in ("sound", "unusable")
    assert "recording.delete" not in actions(visavis.data)
    (done,) = visavis(*run).json
    assert (done["session"], done["problem"]) == (SESSION, "")
    report = visavis(*verify)
    assert (report.code, report.json["verdict"], report.json["deleted"]["rule"]) == (0, "deleted", "now")
    assert visavis(*run).json == []
    shown = visavis("retention", "show", SESSION, "--json").json
    assert shown["deleted"] is not None
    file = tmp_path / "certificate.json"
    assert visavis("retention", "certificate", SESSION, str(file)).code == 0
    checked = visavis("retention", "check", str(file), "--json").json
    assert (checked["session"], checked["rule"], checked["source"]) == (SESSION, "now", LAW)
    file.write_text(file.read_text().replace("P0D", "P9Y"))
    assert visavis("retention", "check", str(file)).code == 1
    assert visavis("retention", "check", str(file), "--public-key", "00" * 32).code == 1
    assert visavis("retention", "certificate", "nobody", str(file)).code == 1
    assert visavis("hold", "place", SESSION, "--reason", "Case 7").code == 1


def test_holds_are_placed_listed_and_lifted(visavis: Command) -> None:
    visavis("admin", "retention", "add", "now", "--from", "call_ended", "--keep", "P0D", "--source", LAW)
    placed = visavis("hold", "place", SESSION, "nobody", "--reason", "Case 7", "--json")
    assert placed.code == 1
    assert [bool(row["problem"]) for row in placed.json] == [False, True]
    assert visavis("hold", "place", SESSION, "--reason", " ").code == 1
    (held,) = visavis("hold", "list", "--json").json
    assert (held["session"], held["reason"], held["lifted"]) == (SESSION, "Case 7", None)
    assert visavis("retention", "run", "--dry-run", "--json").json == []
    assert visavis("retention", "show", SESSION, "--json").json["holds"] == 1
    assert visavis("hold", "lift", held["hold"], "none", "--reason", "settled").code == 1
    assert len(visavis("hold", "list", "--json").json) == 1, "all of them are lifted, or none"
    assert visavis("hold", "lift", held["hold"], "--reason", "settled").code == 0
    assert visavis("hold", "list", "--json").json == []
    (kept,) = visavis("hold", "list", SESSION, "--json").json
    assert kept["lifted_reason"] == "settled"
    assert len(visavis("retention", "run", "--dry-run", "--json").json) == 1


def test_facts_are_recorded_and_change_what_the_rules_say(visavis: Command) -> None:
    visavis("admin", "retention", "add", "sales", "--like", "sales-recording")
    assert visavis("retention", "show", SESSION, "--json").json["why"] == "rule sales waits for product_ended"
    told = visavis("retention", "record", SESSION, "--product", "steady-90", "--product-ended", "2030-01-31", "--json")
    assert told.json["due"] == "2030-07-31T16:00:00Z"
    told = visavis("retention", "record", SESSION, "--dispute-open", "--age-group", "elderly", "--json")
    assert told.json["why"] == "a dispute is open"
    told = visavis("retention", "record", SESSION, "--dispute-ended", "2031-01-01", "--json")
    assert told.json["due"] == "2030-07-31T16:00:00Z"
    assert visavis("retention", "record", SESSION).code == 1
    assert visavis("retention", "record", SESSION, "--product-ended", "soon").code == 1
    assert visavis("retention", "record", "nobody", "--product", "p").code == 1
    assert visavis("retention", "show", "nobody").code == 1
    assert actions(visavis.data).count("retention.record") == 5


def test_what_could_not_be_deleted_is_said_and_is_1(visavis: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    visavis("admin", "retention", "add", "now", "--from", "call_ended", "--keep", "P0D", "--source", LAW)

    def full(_folder: Path) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("server.blobs.blobs._remove_folder", full)
        result = visavis("retention", "run", "--json")
        assert result.code == 1
        assert json.loads(result.out)[0]["problem"].startswith("deleted, but not yet removed")
        again = visavis("retention", "run", "--json")
        assert again.code == 1
        assert "is deleted, but not yet removed" in again.err
    assert visavis("retention", "run", "--json").code == 0
    assert not (visavis.data / "blobs" / "sessions" / SESSION).exists()
