"""Which stored run is nearest to a wanted one, and what sets the two apart."""

from collections.abc import Iterator

from trajreg.run_spec import RunSpec
from trajreg.runs.fingerprint import differences, identity
from trajreg.runs.store import RunStore


def told(name: str, spec: RunSpec, store: RunStore) -> Iterator[str]:
    """The stored run, other than `name`, that differs from `spec` in the fewest keys, and these, a line each; nothing of an empty store."""
    believed = [store.believed(other) for other in store.fingerprints() if other != name]
    found = {one.folder.name: differences(identity(spec), one.manifest["identity"]) for one in believed if one}
    if not found:
        return
    nearest = min(found, key=lambda other: len(found[other]))
    yield f"nearest stored run: {nearest}"
    for key, here, there in found[nearest]:
        shown = ["its default" if value is None else repr(value) for value in (here, there)]
        yield f"  {key}: {shown[0]} here, {shown[1]} there"
