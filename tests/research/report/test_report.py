"""research.report: its two forms, as text and in a browser."""

import html.parser
import importlib
import json
import os
import re

import pytest
from matplotlib import pyplot as plt

from tests.helpers.chromium import NoChromium, find_chromium, open_page
from tests.helpers.study_rows import study_rows
from tests.helpers.tool_runs import ROOT, run_tool

OTHER = ROOT / 'research/seeds/results/rcfmnist_cpu_202611'
#: Elements without an end tag.
VOID = ('meta', 'link', 'img', 'br')


@pytest.fixture(scope='module')
def built(tmp_path_factory):
    """Run the tool on planted rows."""
    root = tmp_path_factory.mktemp('report')
    folder = root / 'benchmarks' / 'study_fashion_mnist_cpu_202611'
    folder.mkdir(parents=True)
    write = importlib.import_module('research.common.rows').write_rows
    write(folder / 'rows.csv', list(study_rows()))
    environment = {'command': 'run <it> & wait', 'cpu': 'a processor'}
    (folder / 'environment.json').write_text(json.dumps(environment))
    done = run_tool(
        *('research.report', folder, OTHER, '--out', root / 'report'), cwd=root
    )
    assert done.returncode == 0, done.stdout
    return root


class Page(html.parser.HTMLParser):
    """Elements of a page; an end tag that does not fit is an error."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.headings = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ('h1', 'h2'):
            self.headings.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


@pytest.mark.slow
class TestPage:
    @pytest.fixture(scope='class')
    def text(self, built):
        return (built / 'report' / 'index.html').read_text()

    @pytest.fixture(scope='class')
    def page(self, text):
        return Page(text)

    def test_is_well_formed(self, page):
        assert page.open == []
        assert page.headings[:3] == [
            'Does Switch EMA help? Fashion-MNIST',
            'The answer',
            'The rule for the momentum',
        ]
        ids = [attrs['id'] for _, attrs in page.elements if 'id' in attrs]
        assert len(set(ids)) == len(ids)

    def test_holds_all_figures_with_their_words(self, page):
        images = page.all('img')
        assert len(images) == 6
        for image in images:
            assert image['src'].startswith('data:image/svg+xml;base64,')
            assert len(image['alt']) > 30

    def test_needs_no_network(self, page):
        for tag, attrs in page.elements:
            if tag != 'a':
                for name in ('src', 'href'):
                    assert attrs.get(name, 'data:').startswith('data:')
        assert not page.all('script')

    def test_all_tables_are_whole(self, text):
        tables = re.findall(r'<table.*?</table>', text, re.S)
        assert len(tables) > 15
        for table in tables:
            lines = re.findall(r'<tr>.*?</tr>', table, re.S)
            assert len({len(re.findall('<t[hd]', x)) for x in lines}) == 1

    def test_text_from_outside_is_escaped(self, text):
        assert 'run &lt;it&gt; &amp; wait' in text
        assert '<it>' not in text

    def test_no_mark_of_markdown_is_left(self, text):
        body = re.sub(r'data:[^"]*', '', text.partition('<body>')[2])
        assert '**' not in body and '`' not in body and '](' not in body


@pytest.mark.slow
class TestText:
    @pytest.fixture(scope='class')
    def text(self, built):
        return (built / 'report' / 'README.md').read_text()

    def test_the_answer_is_that_of_the_rows(self, text):
        answer = text.partition('## The answer')[2].partition('\n## ')[0]
        lines = [x for x in answer.splitlines() if x.startswith('- ')]
        assert 'chose: higher in 3 of 3 settings (`cnn-sgd' in lines[0]
        assert 'the same: no difference shown in 3 of 3' in lines[1]
        assert 'the same: higher in 3 of 3 settings' in lines[2]
        assert '**Switching did not pay here' in answer

    def test_the_rule_is_that_of_the_rows(self, text):
        rule = text.partition('## The rule for the momentum')[2]
        # 220 steps; 0.03, the shortest that was tried, to 0.1 epochs.
        assert 'a window of at most 0.1 epochs was as good' in rule
        assert '`momentum` of at least 10 / S; with the S = 220' in rule
        assert 'of this study 0.045.' in rule
        # Each planted gain is above the spread.
        assert 'even the best window' not in rule
        assert 'runs up to a third, 2 of 8 ended below' in rule

    def test_links_lead_somewhere(self, built, text):
        targets = re.findall(r'\]\((?!http)([^)]*)\)', text)
        assert 'curves.svg' in targets
        for target in targets:
            assert (built / 'report' / target).is_file()

    def test_the_summary_links_back(self, built):
        folder = built / 'benchmarks' / 'study_fashion_mnist_cpu_202611'
        summary = (folder / 'summary.md').read_text()
        [target] = re.findall(r'\]\(([^)]*)\)', summary)
        assert (folder / target).samefile(built / 'report' / 'README.md')

    def test_missing_settings_are_named(self, text):
        assert '- cnn-sgd-constant: no rows.' in text

    def test_other_tasks(self, text):
        assert (
            '| `resnet18-w16_1xb100-coslr-10e_rcfmnist-10k` | '
            '`regression/mae` | 3 | 32.0 ± 1.0 | 32.0 ± 1.0 | 34.5 ± 1.4 |'
        ) in text


@pytest.mark.parametrize(
    'effects, sentence',
    [
        ({'sema': 1.5}, '**Switching pays where it is listed as higher'),
        ({'sema': -0.5}, '**Switching never paid here beyond'),
        ({'sema': 0.0, 'ema': 0.0}, '**Switching did not pay here'),
    ],
)
def test_the_answer_turns_with_the_rows(
    study, results_of, effects, sentence, tmp_path
):
    content = importlib.import_module('research.report.content').content_of
    write_pages = importlib.import_module('research.report.page').write_pages
    base = dict.fromkeys(('baseline', 'ema', 'sema', 'swa', 'lookahead'), 0.5)
    settings = {'vit-adamw-cosine': {'seeds': 5}}
    results = results_of(
        settings=settings, effects={**base, 'baseline': 0.0, **effects}
    )
    more = ('title', 'data', 'command', 'summary', 'again')
    found = content(results, [], {}, None)
    write_pages({**found, **dict.fromkeys(more, 'x')}, tmp_path)
    text = (tmp_path / 'README.md').read_text()
    assert sentence in text
    assert text.count('**Switching ') == 1
    gained = 'gave what there was to gain' in text
    assert gained == (effects.get('ema') != 0 and effects['sema'] == 0)


@pytest.mark.slow
def test_what_is_not_there_is_one_sentence(tmp_path):
    done = run_tool('research.report', tmp_path, '--out', 'x', cwd=tmp_path)
    assert done.returncode == 2
    assert f'there is no {tmp_path / "rows.csv"}' in done.stdout
    (tmp_path / 'rows.csv').touch()
    done = run_tool('research.report', tmp_path, '--out', 'x', cwd=tmp_path)
    assert done.returncode == 2
    assert 'name another by --config' in done.stdout


@pytest.mark.slow
class TestBrowser:
    @pytest.fixture(scope='class', autouse=True)
    def chromium(self):
        try:
            find_chromium()
        except NoChromium as reason:
            if os.environ.get('SEMA_MM_NEED_CHROMIUM'):
                raise
            pytest.skip(str(reason))

    def test_shows_the_page_without_an_error(self, built, tmp_path):
        page = built / 'report' / 'index.html'
        picture, said = open_page(page, tmp_path)
        assert said == []
        image = plt.imread(picture)[..., :3]
        assert image.shape[:2] == (2400, 1200)
        # Every quarter of the page has something dark on it.
        for part in range(4):
            rows = image[600 * part : 600 * (part + 1)]
            assert (rows.mean(-1) < 0.5).mean() > 0.005

    def test_blank_pages_and_errors_are_noticed(self, tmp_path):
        page = tmp_path / 'bad.html'
        page.write_text('<script>nothing.there()</script>')
        picture, said = open_page(page, tmp_path)
        assert len(said) == 1 and 'nothing is not defined' in said[0]
        assert (plt.imread(picture)[..., :3] == 1).all()
