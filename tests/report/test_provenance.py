from residyn.report.provenance import licences, provenance

from .conftest import RUN


def facts(run, results):
    return {fact.title: dict(fact.rows) for fact in provenance(run, results)}


def test_what_is_recorded_is_listed(results):
    found = facts(RUN, results)
    assert list(found) == ["Model", "Texts", "Tokens", "States and results", "Software", "Machine", "Time"]
    assert found["Model"] == {
        "name": "tiny",
        "source": "folder",
        "revision": "0a1b",
        "parameters": "134,515,008",
        "dtype": "float32",
        "sha256 of model.safetensors": "b179",
    }
    assert found["Texts"]["characters"] == "more than 100, fewer than 500"
    assert found["Texts"]["rows"] == "rows read 36,718"
    assert found["Tokens"]["tokenizer"] == "TokenizersBackend"
    assert found["Tokens"]["tokens a text"] == "min 18, sum 77,160"
    assert found["States and results"]["hash of the states"] == results.attrs["states_hash"]
    assert found["Machine"] == {"platform": "Linux", "cores": "2", "memory": "8 GiB"}
    assert found["Time"] == {"capture": "142 s"}


def test_texts_without_an_upper_bound_have_none(results):
    run = {"texts": {"filter": {"min_chars": 100, "max_chars": None}}}
    assert facts(run, results)["Texts"]["characters"] == "more than 100"


def test_a_long_list_is_cut(results):
    many = {"versions": {f"package{i}": "1" for i in range(500)}}
    assert len(facts(many, results)["Software"]) == 60


def test_texts_without_a_known_licence_claim_none():
    assert licences({"texts": {"source": {"kind": "file", "name": "mine"}}}) == ()
