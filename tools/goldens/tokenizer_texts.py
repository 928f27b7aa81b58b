"""The corpus that the golden tokenizers are trained on, and the texts that they are tested on."""
import random

CORPUS = """\
The tide goes out twice a day, and the harbour shows its mud, its ropes and its lost anchors.
A lighthouse keeper counts the ships: one, two, three; he doesn't hurry, because they're slow.
We'll walk to the market at 7:45, buy 12 eggs, 3 loaves and 250 g of butter, and be home by 9.
"Where is my umbrella?" she asked. "It's in the hall," he said, "next to yours; I've dried it."
If 17 boxes hold 24 pencils each, how many pencils are there in all? 17 * 24 = 408, so 408.
Prices rose from $1,299.99 to $1,450.00 in 2024, which is about 11.5% more than in 2023.
The committee's members couldn't agree, so they'd vote again on Monday; I'm sure it'll take hours.
HTTP servers, TCP sockets and UTF-8 strings: read_line(), parseHeaders(), MAX_BUFFER_SIZE.
def mean(values):\n    total = 0.0\n    for value in values:\n        total += value\n    return total / len(values)
for (int i = 0; i < count; ++i) {\n\tsum += table[i] * weight;\n\tif (sum > limit) break;\n}
int main() { std::vector<int> numbers = {1, 2, 3}; return numbers.size() == 3 ? 0 : 1; }
SELECT name, COUNT(*) FROM ships WHERE tonnage >= 5000 GROUP BY name ORDER BY 2 DESC;
{"id": 42, "tags": ["sea", "salt"], "open": true, "depth": -3.5e2, "owner": null}
Le garçon a mangé une crêpe à la crème brûlée près de l'hôtel où naît l'été; ça coûte 8 €.
Der Fluss fließt über große Steine; die Mühle steht schön am Ufer, und früh weht kühler Wind.
El niño pequeño soñó con un pingüino; mañana comerá piñas y después jugará al ajedrez.
Zażółć gęślą jaźń; příliš žluťoučký kůň; ağaç gölgesinde çay içtik; ångström och älg.
Ngày mai trời sẽ mưa, chúng tôi ở nhà đọc sách và uống trà nóng với bạn bè.
Маяк стоит на скале, и каждую ночь его свет считает волны: один, два, три, четыре.
Мы купили 15 яблок, 4 груши и 2 арбуза; всего 21 плод, сказала бабушка и улыбнулась.
Το φεγγάρι ανεβαίνει πάνω από τη θάλασσα και οι ψαράδες μαζεύουν τα δίχτυα τους.
潮水每天退去两次，港口露出泥滩、绳索和丢失的锚。灯塔看守人数着船：一、二、三。
小明有12个苹果，吃了3个，又买了5个，现在一共有多少个苹果？答案是14个。
机器学习模型的权重可以压缩，只要误差不超过给定的界限，结果就几乎不变。
春天来了，河边的柳树发芽了，孩子们在草地上放风筝，老人们在树下下棋。
灯台守は船を数えます。ひとつ、ふたつ、みっつ。カモメが港の上をゆっくり飛んでいます。
りんごが３個とみかんが５個あります。全部でいくつですか。答えは８個です。
コンピューターのメモリーが足りないので、エキスパートをディスクから読み込みます。
등대지기는 배를 하나, 둘, 셋 세고 있습니다. 바다는 조용하고 바람은 시원합니다.
사과 다섯 개와 배 세 개를 샀습니다. 모두 몇 개입니까? 여덟 개입니다.
المد ينحسر مرتين كل يوم، ويظهر الميناء طينه وحباله ومراسيه الضائعة.
اشترى أحمد ١٢ تفاحة وأكل منها ٣، فكم بقي معه؟ بقي معه ٩ تفاحات.
השומר של המגדלור סופר את הספינות: אחת, שתיים, שלוש; הים שקט הלילה.
प्रकाशस्तंभ का रक्षक जहाज़ों को गिनता है: एक, दो, तीन; समुद्र आज शांत है।
ประภาคารส่องแสงไปทั่วทะเล ชาวประมงกลับบ้านก่อนฟ้ามืด และเด็กๆ วิ่งเล่นบนหาด
🙂 The party 🎉 starts at 8 🕗: bring 🍕, 🥗 and a 👩‍👩‍👧‍👦 mood! 👍🏽 See you 🇯🇵 → 🇧🇷 ❤️
Temperature −4 °C … 21 °C, area ≈ 3½ m², H₂O, x² + y² ≤ r², π ≈ 3.14159, №7, ½ + ¼ = ¾.
WARNING: do not TOUCH the McDonald-style iPhone or eBay boxes; NaN != NaN; C++20, x86_64, IPv6.
""".replace("\\n", "\n").replace("\\t", "\t")


def corpus_lines():
    """The corpus again and again, its words in other orders, so that merges are learned."""
    rng = random.Random(5)
    lines = CORPUS.split("\n")
    for _ in range(6):
        for line in lines:
            words = line.split(" ")
            rng.shuffle(words)
            yield " ".join(words)
    yield from lines


# Texts that tokenizers are tested on: strings, or bytes that are not UTF-8.
TEXTS = [
    "", " ", "  ", "   ", "a", "A", "é", "é", "ﬁ", "中", "🙂", "0", "\n", "\t", "\r\n", "\0", "\u200b", "\ufeff",
    "Hello world", " Hello world", "  Hello   world  ", "Hello, world! It's 7:45.", "hello\nworld\n\nagain\n",
    "\n\nstart", "end\n\n", "tab\tseparated\tvalues", "line\r\nends\r\nhere\r\n", "mixed \n \n\t spaces \t\n x",
    "a  b   c    d     e      f", "trailing   ", "   leading", "\u00a0nbsp\u00a0between\u00a0", "em\u2003space\u3000wide",
    "I'm, you're, he'd, we'll, they've, it's, DON'T, I'M, WE'LL", "'s's's 'S 'T 'RE", "don\u2019t can\u2019t", "rock'n'roll 'tis",
    "1 12 123 1234 12345 1234567890", "3.14159 1,299.99 -5 +7 1e-9 0x1F", "١٢٣ ４５６ ½ ² Ⅷ ㊿", "2024-06-15T12:34:56Z", "10^100 % 7 == 4",
    "The tide goes out twice a day, and the harbour shows its mud.", "HTTP2 parseHeaders MAX_SIZE camelCaseWord snake_case_word",
    "def f(x):\n    return x ** 2  # square\n", "for (int i = 0; i < n; ++i) {\n\tsum += a[i];\n}\n", "{\"key\": [1, 2.5, null, true]}",
    "潮水每天退去两次，港口露出泥滩。", "小明有12个苹果，吃了3个。", "灯台守は船を数えます。ひとつ、ふたつ。", "カタカナとひらがなと漢字を混ぜる", "中文English混合text文字",
    "등대지기는 배를 세고 있습니다.", "المد ينحسر مرتين كل يوم", "السَّلَامُ عَلَيْكُمْ", "השומר סופר", "प्रकाशस्तंभ का रक्षक", "ประภาคารส่องแสง", "Маяк стоит на скале",
    "Zażółć gęślą jaźń", "naïve café", "nai\u0308ve cafe\u0301", "A\u030a ℃ Å Å", "ﬀ ﬁ ﬂ ﬃ Ǆ ǅ ǆ ㎏ ㍿", "e\u0301\u0323 e\u0323\u0301 q\u0307\u0323", "각 \u1100\u1161\u11a8 가\u11a8",
    "ẞ ß ſ K İ ı Σ ς σ ŉ ᾳ ῌ", "Straße STRASSE ΣΊΣΥΦΟΣ", "x\u0301\u0302\u0303\u0304\u0305", "\u0301 starts with a mark",
    "🙂🎉🍕", "👩‍👩‍👧‍👦 family", "👍🏽 thumbs", "🇯🇵🇧🇷🇩", "❤️ heart ❤", "a🙂b 🙂 c", "👨🏿‍🚀👩🏻‍🔬", "☃️☃︎",
    "zero\u200bwidth\u200cnon\u200djoiner\u2060word\ufeffbom", "soft\u00adhyphen", "bidi \u202eoverride\u202c end", "\u2028line\u2029para", "a\u0085b\u001cc\u001fd", "\x01\x02\x7f\x80\x9f control",
    "null\0inside\0text", "\u180e mongolian vowel separator", "private \ue000 \U000f0000 use", "noncharacter \ufffe \uffff \U0010ffff", "already \ufffd replaced",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝟘𝟙𝟚", "𠀀𠀁𪜀 extension B", "\U00031350 \U0002ebf0 new ideographs", "\U00010d4a\U00010d40 garay", "々〆〇〻㐂 ヶヵー ゛゜", "。、「」『』【】・ー～！？", "〇一二三 〡〢〣",
    "<s>", "</s>", "<s>Hello</s>", "Hello <s> world </s> bye", "<unk> <pad> <mask>", "a<mask>b", "a <mask> b", "  <mask>  <mask>  ", "x<mask>", "<mask>x",
    "<|endoftext|>", "text<|endoftext|>more", "<|im_user|>user<|im_middle|>hi<|im_end|>", "<|im_end|><|im_end|>", "<|im_end |> <|im_en", "<|begin|>Hello<|end|>",
    "oneword", "one oneword two", "(oneword)", "onewordy anoneword", "oneword.oneword", "ONEWORD Oneword", "keepme KEEPME KeepMe", "É-token é-token", "left  LEFT  x", "y  RIGHT  z", " LEFTRIGHT ",
    "<0x41> <0xE4> <0xZZ> <0x0A>", "▁under▁score", "▁ ▁▁ ▁▁▁", "Ġalready Ċ mapped", "_ __ ___", "##wordpiece @@bpe</w>",
    "!!! ??? ... --- ===", "$%^&*()[]{}<>/\\|~`@#", "«guillemets» “quotes” ‘single’ „low“", "a-b_c.d,e;f:g", "¿Qué? ¡Sí!", "…‥․", "©®™ §¶†‡ €£¥₿", "y²each x²y½z ¹a³",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "ababababababababababababababababababababababababababab", "thethethethethethethethethethethe tidetidetidetidetide", "的的的的的的的的的的的的的的的的", " " * 70 + "x", "\n" * 40, "\t \t \t \t", "=" * 100,
    b"\xff", b"\xc3", b"\xc3\x28", b"\xe4\xb8", b"\xe4\xb8\x28", b"\xed\xa0\x80", b"\xf0\x9f\x99", b"\xf0\x9f\x99\x82\xf0\x9f", b"\xc0\xaf", b"\xf8\x88\x80\x80\x80", b"\xfe\xff",
    b"ok \xe2\x82 broken \xe2\x82\xac fine", b"\x80\x81\x82", b"abc\xf4\x90\x80\x80def", b"caf\xe9 latin-1 \xfcber", b"\xef\xbb\xbfbom first", b"<s>\xff</s>\xfe<mask>",
]

# Long texts as (unit, count); of these only the number of ids and a hash of them are kept.
LONG_TEXTS = [("a", 100_000), ("ab", 60_000), ("the tide ", 8_000), (" ", 60_000), ("\n", 30_000), ("中", 40_000), ("é🙂", 20_000), ("0", 50_000), (".", 50_000), ("aB", 30_000), ("لا", 30_000)]
