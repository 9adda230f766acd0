"""Which language a text reads as: by its script, and where that is Latin by the commonest short words.

It tells a dozen languages of full sentences apart and says nothing of others, of lists, names, code and short texts.
A script that several languages share is named as a script ("Cyrillic").
"""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

LEAST_WORDS = 8  # fewer say nothing
LEAST_SHARE = 0.16  # of the words that have to be among a language's commonest
LEAST_LEAD = 1.6  # times as many as of the next language
LOOKED_AT = 4000  # signs of a text, its beginning
CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|https?://\S+", re.DOTALL)
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
COMMONEST = {
    "English": "the of and to in is you that it he was for on are as with his they i at be this have from or one "
    "had by not but what all were we when your can said there an which she do how their if will my "
    "would so been it's don't has more them some could about please does me who its than",
    "German": "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden "
    "aus er hat dass sie nach wird bei einer um am sind noch wie einem über so zum war haben nur oder "
    "aber vor zur bis mehr durch man sein wurde sei ich du wir ihr kann wenn was bitte",
    "French": "de la le et les des en un du une que est pour qui dans par plus pas au sur ne se ce il sont avec "
    "son elle ou cette mais nous vous je tu être c'est qu'il n'est aux sa ses comme leur fait faire "
    "très on été d'une d'un l'on peut si votre quel quelle",
    "Spanish": "de la que el en y a los se del las un por con no una su para es al lo como más o pero sus le ya "
    "este sí porque esta entre cuando muy sin sobre también me hasta hay donde quien desde todo nos qué "
    "cómo puede está son fue usted tu mi",
    "Italian": "di che è e la il un a per in una mi sono ho non lo ma ti ha le si no con cosa se io come da ci "
    "questo bene tu qui hai del della mio solo mia gli perché anche più al dei delle nel nella quello "
    "essere può quando dove era alla sul",
    "Portuguese": "de a o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao ele das "
    "tem à seu sua ou ser quando muito há nos já está eu também só pelo pela até isso ela entre era "
    "depois sem mesmo aos você são pode qual",
    "Dutch": "de van het een en in is dat op te zijn met voor niet die aan er om dan maar ook bij als nog uit "
    "door over ze naar heeft hij ik wordt wel kan tot meer dit je deze hebben geen was worden wat zo "
    "werd of kunnen u mijn",
    "Swedish": "och i att det som en på är av för med den till inte har de ett om ja han men var jag sig från vi "
    "så kan när man hur nu du eller vad ska också efter mot än här alla mycket sin där min",
    "Polish": "i w na z się nie do że to jest o jak po co tak za od ale dla czy tym są by przez przy już jego "
    "tylko być może go tego ich był które który która lub oraz bardzo ja mnie ty pan jeśli",
    "Turkish": "bir ve bu da de için ile çok ne o gibi daha var ben mi kadar olarak sonra ama en olan değil her "
    "şey ki nasıl mı sen biz size bana onun veya olduğu ya yok şu",
    "Indonesian": "yang dan di ini itu dengan untuk tidak dari dalam akan pada juga saya ke karena ada bisa adalah "
    "kami mereka kita sudah atau oleh anda seperti apa lebih telah dapat bagaimana tersebut",
    "Czech": "a se na v je že o s do i to z k ve jsem pro za by ale si po jako od jsou které který jeho která "
    "tak být bylo mi není už nebo však také při jak co aby více",
}
OWN = {word: [name for name, text in COMMONEST.items() if word in text.split()] for word in
       sorted({word for text in COMMONEST.values() for word in text.split()})}  # fmt: skip
SCRIPTS = {
    "CYRILLIC": "Cyrillic", "GREEK": "Greek", "ARABIC": "Arabic", "HEBREW": "Hebrew", "DEVANAGARI": "Devanagari",
    "BENGALI": "Bengali", "THAI": "Thai", "HANGUL": "Korean", "HIRAGANA": "Japanese", "KATAKANA": "Japanese",
    "CJK": "Chinese", "TAMIL": "Tamil", "GEORGIAN": "Georgian", "ARMENIAN": "Armenian",
}  # fmt: skip


@dataclass(frozen=True)
class Reading:
    """What a text reads as, and by what: "7 of its 19 words are among the commonest of French"."""

    name: str
    by: str


def read(text: str) -> Reading | None:
    """The language or script of a text's beginning; None where it cannot be told. Costs a pass over ``LOOKED_AT``
    signs at most."""
    plain = CODE.sub(" ", text[:LOOKED_AT])
    letters = [sign for sign in plain if sign.isalpha()]
    if len(letters) < 8:
        return None
    other = Counter(found for sign in letters if (found := script(sign)))
    if other and sum(other.values()) > 0.5 * len(letters):
        name = _script_of(other)
        return Reading(name, f"{sum(other.values()):,} of its {len(letters):,} letters are {name}")
    return _by_words(WORD.findall(plain.lower()))


@lru_cache(maxsize=4096)
def script(sign: str) -> str:
    """The script of a letter, "" for Latin and for what is not known."""
    return SCRIPTS.get(unicodedata.name(sign, "").split(" ")[0], "") if ord(sign) > 0x24F else ""


def _script_of(counts: Counter[str]) -> str:
    """Japanese is written with Chinese signs, too."""
    return "Japanese" if counts["Japanese"] > 0.1 * counts["Chinese"] > 0 else counts.most_common(1)[0][0]


def _by_words(words: list[str]) -> Reading | None:
    if len(words) < LEAST_WORDS:
        return None
    votes: Counter[str] = Counter()
    weight: dict[str, float] = {}  # a word that several languages have speaks for each a little
    for word in words:
        owners = OWN.get(word, ())
        votes.update(owners)
        for name in owners:
            weight[name] = weight.get(name, 0.0) + 1 / len(owners)
    if not weight:
        return None
    name, *rest = sorted(weight, key=lambda name: (-weight[name], name))
    if votes[name] < max(3, LEAST_SHARE * len(words)) or (rest and weight[name] < LEAST_LEAD * weight[rest[0]]):
        return None
    return Reading(name, f"{votes[name]:,} of its {len(words):,} words are among the commonest of {name}")
