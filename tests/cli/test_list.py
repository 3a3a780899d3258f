"""`benchbench list`: what is ready, what is missing, what was left out; and quickly."""

import json
import subprocess
import sys

import pytest

MISSING = """
import benchbench

@benchbench.hookimpl
def benchbench_backends():
    return [benchbench.BackendInfo("swift", ("no-such-framework", "numpy"), None)]
"""


@pytest.fixture(autouse=True)
def no_mnist_of_this_machine(tmp_path, monkeypatch):
    for variable in ("BENCHBENCH_CACHE", "KERAS_HOME", "HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "nothing"))
    monkeypatch.delenv("BENCHBENCH_DATA", raising=False)
    monkeypatch.chdir(tmp_path)


def test_names_what_there_is(benchbench):
    answer = benchbench("list")
    assert answer.exit_code == 0
    lines = answer.stdout.splitlines()
    (model,) = [line for line in lines if line.startswith("deeper-cnn")]
    assert "17,578" in model
    (numpy,) = [line for line in lines if line.startswith("numpy ")]
    assert "ready" in numpy
    (mnist,) = [line for line in lines if line.startswith("mnist")]
    assert "missing" in mnist
    assert "benchbench data fetch" in mnist
    (digits,) = [line for line in lines if line.startswith("digits")]
    assert "ready" in digits
    headers = [
        line.split() for line in lines if line.startswith(("backend ", "model ", "data set"))
    ]
    assert len(headers) == 3
    assert not any("from" in header for header in headers), "where all is ours, nothing says so"


def test_mnist_that_is_there_is_found(benchbench, tmp_path, monkeypatch):
    folder = tmp_path / "data" / "mnist"
    folder.mkdir(parents=True)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"unread")
    monkeypatch.setenv("BENCHBENCH_DATA", str(tmp_path / "data"))
    mnist, *_ = json.loads(benchbench("list", "--json").stdout)["datasets"]
    assert mnist["name"] == "mnist"
    assert mnist["found"] is True
    assert "BENCHBENCH_DATA" in mnist["note"]


def test_missing_frameworks_come_with_the_command_that_installs_them(benchbench, install):
    install("swift-plugin", MISSING)
    answer = benchbench("list")
    (line,) = [line for line in answer.stdout.splitlines() if line.startswith("swift")]
    assert "missing no-such-framework: pip install no-such-framework numpy" in line
    assert "swift-plugin" in line


def test_quarantined_and_disabled_plugins_are_told_apart(benchbench, install, monkeypatch):
    install("broken-plugin", "raise SystemExit('I give up')")
    install("unwanted-plugin", MISSING)
    monkeypatch.setenv("BENCHBENCH_DISABLE", "unwanted-plugin")
    lines = benchbench("list").stdout.splitlines()
    (broken,) = [line for line in lines if line.startswith("broken-plugin")]
    assert "quarantined" in broken
    assert "SystemExit: I give up" in broken
    (unwanted,) = [line for line in lines if line.startswith("unwanted-plugin")]
    assert "disabled by BENCHBENCH_DISABLE" in unwanted


def test_json_says_the_same(benchbench, install):
    install("swift-plugin", MISSING)
    answer = json.loads(benchbench("list", "--json").stdout)
    backends = {entry["name"]: entry for entry in answer["backends"]}
    assert backends["swift"]["ready"] is False
    assert backends["swift"]["missing"] == ["no-such-framework"]
    assert list(backends["swift"]["versions"]) == ["numpy"]
    assert backends["numpy"]["ready"] is True
    assert backends["numpy"]["install"] is None
    counts = {entry["name"]: entry["parameter_count"] for entry in answer["models"]}
    assert counts["two-layer"] == 407_050
    assert "devices" not in answer


def test_nothing_is_cut_off_when_piped(install):
    install("broken-plugin", f"raise ValueError({'word ' * 100!r})")
    done = subprocess.run(
        [sys.executable, "-m", "benchbench", "list"], capture_output=True, text=True, check=True
    )
    assert "word " * 99 in done.stdout
    assert "…" not in done.stdout
    assert "\x1b" not in done.stdout


def test_no_framework_numpy_or_pandas_is_imported():
    code = (
        "import sys; from benchbench.cli import main; sys.argv = ['benchbench', 'list']\n"
        "try: main.main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'pandas', 'scipy', 'sklearn', 'torch', 'tensorflow', 'keras', 'jax'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "deeper-cnn" in done.stdout


DEVICES = """
import benchbench

class Swift(benchbench.Backend):
    def versions(self): return {"swift": "1.10"}
    def devices(self): return ("cpu", "swift:0")
    def trainer(self, *arguments, **options): raise benchbench.Unsupported("not here")

def create():
    print("garbage on stdout")
    return Swift()

def crash():
    import os
    os.abort()

@benchbench.hookimpl
def benchbench_backends():
    return [
        benchbench.BackendInfo("swift", (), create),
        benchbench.BackendInfo("crasher", (), crash),
        benchbench.BackendInfo("quitter", (), lambda: exit("enough")),
        benchbench.BackendInfo("liar", (), lambda: "no backend"),
    ]
"""


def test_devices_are_asked_of_each_backend_in_its_own_process(benchbench, install, monkeypatch):
    install("swift-plugin", DEVICES)
    monkeypatch.setenv("BENCHBENCH_DISABLE", "torch, keras, numpy")
    answer = benchbench("list", "--devices", "--json")
    assert answer.exit_code == 0
    assert "asking swift for its devices" in answer.stderr
    probes = {probe["backend"]: probe for probe in json.loads(answer.stdout)["devices"]}
    assert probes["swift"]["devices"] == ["cpu", "swift:0"]
    assert probes["swift"]["versions"] == {"swift": "1.10"}
    assert probes["swift"]["error"] is None
    assert "killed by signal 6 (SIGABRT)" in probes["crasher"]["error"]
    assert probes["quitter"]["error"] == "SystemExit: enough"
    assert "AttributeError" in probes["liar"]["error"]
