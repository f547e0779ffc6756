"""The store on a real PostgreSQL server, started here under a folder of its own; skipped where there is none."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from liveguard.errors import ConfigError
from liveguard.server.database import StoreError
from liveguard.server.store import Store
from tests.store_cases import CASES, T0, alert

pytestmark = pytest.mark.replay
PASSWORD = "hunter2-very-secret"


class Server:
    """A server that listens on a socket in its folder, and on no port."""

    def __init__(self, folder: Path, programs: Path, run_as: Sequence[str]) -> None:
        self.folder, self._programs, self._run_as = folder, programs, run_as
        self._call("initdb", "-D", f"{folder}/data", "-U", "guard", "-A", "trust", "-E", "UTF8", "--locale=C")
        self.start()

    def start(self) -> None:
        listen = f"-c listen_addresses= -c unix_socket_directories={self.folder}"
        self._call("pg_ctl", "-D", f"{self.folder}/data", "-w", "-l", f"{self.folder}/log", "-o", listen, "start")

    def stop(self, mode: str) -> None:
        self._call("pg_ctl", "-D", f"{self.folder}/data", "-w", "-m", mode, "stop")

    def url(self, database: str) -> str:
        return f"postgresql://guard:{PASSWORD}@/{database}?host={self.folder}"

    def sql(self, statement: str, database: str = "postgres") -> None:
        self._call("psql", "-h", str(self.folder), "-U", "guard", "-q", "-c", statement, database)

    def _call(self, program: str, *arguments: str) -> None:
        # Not captured through a pipe: the server would inherit it and keep it open.
        with (self.folder / f"{program}.txt").open("w+") as said:
            done = subprocess.run(
                [*self._run_as, str(self._programs / program), *arguments],
                stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, cwd=self.folder, timeout=60.0,
            )  # fmt: skip
            said.seek(0)
            assert done.returncode == 0, said.read()


def programs() -> Path | None:
    """Where PostgreSQL's own programs are: Debian keeps them off the path."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").exists() and (place / "psql").exists()), None)


def need_driver() -> None:
    pytest.importorskip("psycopg", reason="psycopg, the driver of PostgreSQL, is not installed", exc_type=ImportError)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    need_driver()
    where = programs()
    if where is None:
        pytest.skip("no PostgreSQL server is installed (Debian: postgresql)")
    run_as: list[str] = []
    # Not under pytest's folder: its path is too long for a socket, and closed to other users.
    with tempfile.TemporaryDirectory(prefix="lg-pg-") as name:
        if os.geteuid() == 0:  # as whom PostgreSQL refuses to run
            try:
                user = pwd.getpwnam("postgres")
            except KeyError:
                pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
            if shutil.which("runuser") is None:
                pytest.skip("PostgreSQL does not run as root, and there is no runuser")
            os.chown(name, user.pw_uid, user.pw_gid)
            run_as = ["runuser", "-u", "postgres", "--"]
        started = Server(Path(name), where, run_as)
        try:
            yield started
        finally:
            started.stop("immediate")


@pytest.fixture
def url(server: Server) -> str:
    name = f"calls_{uuid.uuid4().hex}"
    server.sql(f"CREATE DATABASE {name}")
    return server.url(name)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_store(case: Callable[[Store], None], url: str) -> None:
    with contextlib.closing(Store(url)) as store:
        case(store)


def test_alerts_survive_a_crash_of_the_server_and_the_store_goes_on(server: Server, url: str) -> None:
    with contextlib.closing(Store(url)) as store:
        said = store.put_alert("s", alert(), T0, None)
        server.stop("immediate")  # as kill -9: no checkpoint, no goodbye
        with pytest.raises(StoreError) as caught:
            store.alerts()
        assert PASSWORD not in str(caught.value)
        assert "SELECT" not in str(caught.value)
        server.start()
        assert store.alerts() == [said]
        assert store.put_alert("s", alert("s-2"), T0, None)["id"] == "s-2"


def test_a_lock_that_somebody_holds_does_not_hang_the_store(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("liveguard.server.engines._STATEMENT_MS", 200)
    with contextlib.closing(Store(url)) as store, contextlib.closing(Store(url)) as other:
        with other._database.transaction() as connection:
            connection.exec_driver_sql("LOCK TABLE liveguard_alerts")
            with pytest.raises(StoreError, match="statement timeout"):
                store.put_alert("s", alert(), T0, None)
        assert store.put_alert("s", alert(), T0, None)["id"] == "s-1"


def test_tables_of_another_version_and_a_missing_database_are_refused(server: Server, url: str) -> None:
    Store(url).close()
    server.sql("UPDATE liveguard_schema SET version = 9", url.split("/")[3].split("?")[0])
    with pytest.raises(ConfigError, match="version 9, and only 1 is known"):
        Store(url)
    with pytest.raises(StoreError, match='database "nowhere" does not exist') as caught:
        Store(server.url("nowhere"))
    assert PASSWORD not in str(caught.value)


def test_a_server_that_is_not_there_is_said_without_the_password() -> None:
    need_driver()
    with pytest.raises(StoreError, match=r"store calls on 127\.0\.0\.1: .*refused") as caught:
        Store(f"postgresql+psycopg://guard:{PASSWORD}@127.0.0.1:1/calls")
    assert PASSWORD not in str(caught.value)
