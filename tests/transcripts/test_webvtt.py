from __future__ import annotations

import pytest

CUE = "00:00:0{0}.000 --> 00:00:0{1}.500\n{2}\n"


@pytest.fixture
def read_cues(read_text):
    def read_one(*texts, **options):
        cues = (CUE.format(index, index, text) for index, text in enumerate(texts, start=1))
        (found,) = read_text("\n".join(["WEBVTT\n", *cues]), "call.vtt", **options)
        return found

    return read_one


def turns(found):
    return [(turn.role, turn.text) for turn in found.turns]


def test_voices_in_the_alias_table_are_stated_roles(read_cues):
    found = read_cues("<v Agent>Hello", "<v.loud Customer>Hi <i>there</i></v>")
    assert turns(found) == [("agent", "Hello"), ("customer", "Hi there")]
    assert found.role_confidence == 1


def test_one_cue_may_hold_two_voices(read_cues):
    found = read_cues("<v Agent>Hello</v>\n<v Customer>Hi</v>")
    assert turns(found) == [("agent", "Hello"), ("customer", "Hi")]


def test_cues_of_one_speaker_in_a_row_are_one_turn(read_cues):
    found = read_cues("<v Agent>Hello", "<v Agent>there", "<v Customer>Hi")
    assert turns(found)[0] == ("agent", "Hello there")
    assert (found.turns[0].start, found.turns[0].end) == (1, 2.5)


def test_a_cue_without_voice_goes_on_with_the_last_speaker(read_cues):
    assert turns(read_cues("<v Agent>Hello", "there"))[0] == ("agent", "Hello there")


def test_names_before_a_colon_are_speakers(read_cues):
    found = read_cues("Agent: Hello", "Maria Lopez: Hi, at 10:30", "and one thing: thanks")
    assert turns(found) == [("agent", "Hello"), ("customer", "Hi, at 10:30 and one thing: thanks")]


def test_a_colon_in_speech_is_no_speaker(read_cues):
    found = read_cues("there are two things: this", "And that: fine")
    assert turns(found)[0][1] == "there are two things: this And that: fine"
    assert found.role_confidence < 0.5


def test_a_mapped_name_is_a_role(read_cues):
    found = read_cues("<v Ada>Hello", "<v Bob>Hi", roles={"ada": "customer", "Bob": "agent"})
    assert [turn.role for turn in found.turns] == ["customer", "agent"]


def test_srt_is_told_by_its_first_cue(read_text):
    cue = "00:00:01,000 --> 00:00:02,500\nAgent: Hello\n"
    for text in ("1\n" + cue, "\ufeff1\r\n" + cue.replace("\n", "\r\n")):
        (found,) = read_text(text, "call.srt")
        assert turns(found) == [("agent", "Hello")]
        assert found.turns[0].end == 2.5


def test_a_cue_that_cannot_be_read_rejects_the_file_and_is_not_skipped(read_text):
    text = "WEBVTT\n\n" + CUE.format(1, 1, "<v Agent>Hello") + "\n0:99 --> 1:0\nHi\n"
    (found,) = read_text(text, "call.vtt")
    assert (found.reason, found.got) == ("bad_time", "1 of 2 cues unreadable")


def test_escapes_are_read(read_cues):
    assert turns(read_cues("<v Agent>Q&amp;A &lt;3"))[0] == ("agent", "Q&A <3")


def test_tags_that_never_end_take_no_time(read_cues):
    found = read_cues("<v Agent>Hello", "<v " * 100_000)
    assert len(found.turns[0].text) > 200_000


def test_a_header_alone_has_no_turns(read_text):
    (found,) = read_text("WEBVTT\n", "call.vtt")
    assert found.reason == "no_turns"
