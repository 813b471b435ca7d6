"""Tables as Markdown."""

from research.common.tables import markdown_table


def test_all_cells_are_on_their_line():
    assert markdown_table(['a', 'b'], [['x', 1.5], ['two\nlines', None]]) == (
        '| a | b |\n| --- | --- |\n| x | 1.5 |\n| two<br>lines |  |\n'
    )


def test_numbers_are_aligned_to_the_right():
    text = markdown_table(['a', 'b', 'c'], [], numbers=True)
    assert text == '| a | b | c |\n| --- | ---: | ---: |\n'
