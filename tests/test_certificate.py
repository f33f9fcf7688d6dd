from __future__ import annotations

import json
import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from bregman_l1.certificate import Certificate, Check

GOOD = Check(value=1e-12, tolerance=1e-9, meaning="small")
BAD = Check(value=1.0, tolerance=1e-9, meaning="large")


def test_a_certificate_stands_only_if_every_decisive_check_passes():
    assert Certificate(subject="s", checks={"a": GOOD}).ok
    assert not Certificate(subject="s", checks={"a": GOOD, "b": BAD}).ok
    property_only = Check(value=1.0, tolerance=1e-9, meaning="a property", decisive=False)
    assert Certificate(subject="s", checks={"a": GOOD, "b": property_only}).ok


def test_neither_a_check_nor_its_certificate_can_be_altered_afterwards():
    checks = {"a": BAD}
    certificate = Certificate(subject="s", checks=checks)
    checks["a"] = GOOD
    assert certificate.failed == ("a",)
    with pytest.raises(TypeError):
        certificate.checks["a"] = GOOD
    with pytest.raises(FrozenInstanceError):
        certificate.checks = {}
    with pytest.raises(FrozenInstanceError):
        BAD.value = 0.0


def test_nan_never_passes():
    assert not Check(value=np.nan, tolerance=np.inf, meaning="").passed


def test_table_names_every_check_and_the_verdict_the_failed_ones():
    text = str(Certificate(subject="the subject", checks={"good": GOOD, "bad": BAD}, remarks=("a remark",)))
    assert text.splitlines()[0] == "NOT CERTIFIED: the subject (failed: bad)"
    assert "passed  small" in text
    assert "FAILED  large" in text
    assert text.endswith("a remark")


def test_certificate_survives_pickling_and_json():
    certificate = Certificate(subject="s", checks={"a": GOOD, "b": BAD})
    assert pickle.loads(pickle.dumps(certificate)) == certificate
    assert json.loads(json.dumps(certificate.to_dict()))["checks"]["b"]["passed"] is False
