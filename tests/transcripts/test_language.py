"""The language of a transcript is told, and English costs no model."""

from __future__ import annotations

import subprocess
import sys

import pytest

from qa_scoring.transcripts.language import detect_language

LANGUAGES = {
    "de": "Hallo, ich warte seit drei Wochen auf meine Bestellung und niemand antwortet mir",
    "fr": "Bonjour, ma commande n'est toujours pas arrivée et je voudrais un remboursement",
    "es": "Hola, mi pedido no ha llegado todavía y quiero que me devuelvan el dinero por favor",
    "it": "Buongiorno, il mio ordine non è ancora arrivato e vorrei un rimborso per favore",
    "pt": "Olá, o meu pedido ainda não chegou e eu gostaria de receber o dinheiro de volta",
    "nl": "Hallo, ik wacht al drie weken op mijn bestelling. Wat is er aan de hand, help me even",
    "sv": "Hej, jag har väntat i tre veckor på min beställning och ingen svarar mig",
    "da": "Hej, jeg ringer for at høre om I har sendt den, for jeg vil gerne have den her snart",
    "pl": "Dzień dobry, moje zamówienie jeszcze nie przyszło i chciałbym zwrot pieniędzy",
    "tr": "Merhaba, siparişim hala gelmedi ve paramı geri istiyorum lütfen yardım edin",
    "ru": "Здравствуйте, мой заказ до сих пор не пришёл и я хочу вернуть деньги",
    "ar": "مرحبا لم يصل طلبي بعد وأريد استرداد أموالي من فضلك",
    "hi": "नमस्ते मेरा ऑर्डर अभी तक नहीं आया है मुझे अपना पैसा वापस चाहिए",
    "zh": "你好我的订单还没有到我想要退款请帮助我谢谢你",
    "ja": "こんにちは注文した商品がまだ届いていません返金をお願いします",
    "ko": "안녕하세요 주문한 상품이 아직 도착하지 않았습니다 환불해 주세요",
}

NOISY_ENGLISH = [
    "hi pls wher is my ordr it not come yet i wait 3 week",
    "HELLO MY ORDER HAS NOT ARRIVED AND I AM VERY ANGRY WITH YOU PLEASE FIX IT",
    "i wanna cancel order asap refund money bad service never buy again",
    "yeah so um i was calling cause the uh internet keeps dropping like every night around nine",
    "good morning sir kindly do the needful and revert back same product is damaged",
    "I\u2019ve paid with [CARD] and you can\u2019t find it? My mail is [EMAIL], phone [PHONE]! 😡",
]


@pytest.mark.parametrize(("code", "text"), LANGUAGES.items(), ids=LANGUAGES)
def test_a_short_message_gives_its_language(code: str, text: str) -> None:
    assert detect_language(text) == code


@pytest.mark.parametrize("text", NOISY_ENGLISH)
def test_noisy_english_is_english(text: str) -> None:
    assert detect_language(text) == "en"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ok thanks bye",
        "a b c d e f",
        "[CARD] [PHONE] [EMAIL] [NATIONAL_ID] [CARD] [PHONE] ok",
        "123 456 789 12 34 56 78",
        "😀😀😀 👍🏽 👍🏽 !!! 😀 ok",
    ],
)
def test_too_little_text_gives_none(text: str) -> None:
    assert detect_language(text) is None


def test_clear_english_loads_no_model() -> None:
    code = (
        "import sys\n"
        "from qa_scoring.transcripts.language import detect_language\n"
        "assert detect_language('Hello, I want to know where my order is, please help') == 'en'\n"
        "assert 'py3langid' not in sys.modules and 'numpy' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
