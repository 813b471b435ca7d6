"""Makes the report of a study: one page of HTML, Markdown and figures.

Also writes ``summary.md`` of the study anew, all from its rows::

    python tools/build_report.py benchmarks/study_fashion_mnist_cpu_202611 \
        --out docs/report

Further folders are those of ``tools/run_seeds.py``: other tasks, in a table.
"""

import argparse
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

from mmengine.config import Config
from report.content import content_of
from report.page import write_pages
from study.figures import draw
from study.plan import Study
from study.results import Results
from study.rows import read_rows
from study.summary import summarise

CONFIGS = Path(__file__).resolve().parents[1] / 'configs' / 'study'
