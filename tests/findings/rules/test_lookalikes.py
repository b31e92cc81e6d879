"""A word that looks Latin but is not is found, behind an escape too; an escape is no part of the word behind it."""

import time

import pytest

from iquest_review.findings.rules.lookalikes import find_mixed_word


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('alert("\\nВсе")', id="line feed"),
        pytest.param('"\\tОн \\rОна \\bТам \\vХор \\fСон"', id="other escapes of one letter"),
        pytest.param('"a\\\\nВсе"', id="escaped backslash"),
        pytest.param('"\\x41Все \\u0041Все \\u{41}Все \\U00000041Все \\x{41}Все"', id="characters by number"),
        pytest.param('"A\\324B\\n": "\\101Все \\0Все"', id="octal"),
        pytest.param('"\\x12\\x12вВВ\\x12\\x12дДД\\x12\\x12оОО"', id="tables of bytes"),
        pytest.param('"\\N{BULLET}Все"', id="named character"),
        pytest.param('"%ldс"', id="conversion with a length"),
        pytest.param('"%sВсе %-10.2fс %lluс %05dх %*dс %zuс %I64dс"', id="conversions of C"),
        pytest.param('"%vВсе %+vВсе %qВсе %TВсе"', id="conversions of Go"),
        pytest.param('"%1$sВсе %2$dс"', id="numbered conversions"),
        pytest.param('"%(name)sВсе"', id="named conversion"),
        pytest.param('"%1Все %L2с %nе"', id="Qt"),
        pytest.param('"%@Все"', id="Objective-C"),
        pytest.param('io:format("~pВсе ~sс ~nОн")', id="Erlang"),
        pytest.param('"{0}Все {name}Все ${x}Все #{x}Все {x:d}с"', id="placeholders"),
        pytest.param('"&nbsp;Все &nbspВсе &laquoОн &#65;Все &#x41Все"', id="entities"),
        pytest.param('"<b>Все</b> <br>Он </p>Сон"', id="tags"),
        pytest.param('"\\x1b[31mВсе\\x1b[0m \\033[1;31mОн \\e[0mСон \\u001b[mХор"', id="colours by escapes"),
        pytest.param("\x1b[31mВсе\x1b[0m ^[[1mОн [31mСон", id="colours"),
        pytest.param('r"\\bВсе\\b \\wс \\dх \\sОн \\AСон\\Z"', id="regular expression"),
        pytest.param("[A-Za-zА-Яа-яЁё] [a-zA-Zа-яА-Я0-9] [0-9A-ZА-Я_] [a-zα-ω] [а-яёA-Z]", id="ranges of letters"),
        pytest.param("1920х1080px 2х2 %dх%dpx", id="sign of multiplication"),
        pytest.param("\\itВсе \\alphaο \\cdotх \\bf Он", id="TeX"),
        pytest.param("https://a.example/?q=%D0Все%20Он%3DСон", id="percent-encoding"),
        pytest.param("C:\\Все\\tСон", id="path of Windows"),
        pytest.param("§aВсе &cОн", id="colours of chats"),
        pytest.param("µm Ωm kΩ MΩ µs Δt δx αβ λx ∂x σ2 θ_max Ωₘ Å ΔT ωt πr2", id="units and physics"),
        pytest.param("ℓp ℓ_norm mℓ ℝn m\u212a x_𝐱 ℏω 𝐀x", id="mathematics"),
        pytest.param("USBшный HTTP-запрос x-координата idшник SQLный VPNом API-ключ", id="abbreviations with endings"),
        pytest.param("ошибка в PDFе, без IDа, из JSONа, по URLу на GitHubе", id="inflected abbreviations"),
        pytest.param("URIПространстваИменСхемыДляСхемыXML URLВКодировкеURL ИзвлечьJSONИзJSON", id="camel case"),
        pytest.param("ТестДолжен_Проверить_ДобавлениеBOMДляКодировокСBOM", id="camel case of three words"),
        pytest.param(
            "使用API调用 Web服务 Ｔシャツ ＯＫ ＡＰＩ Tシャツ 第1章A節 한글API", id="Chinese, Japanese and Korean"
        ),
        pytest.param("get_имя имя_id Ivan_Иван file_название", id="names of two alphabets"),
        pytest.param("\ufffdаO(Marker) ʥ\ufffdСA\ufffd", id="bytes that are not text"),
    ],
)
def test_what_stands_before_a_word_is_no_part_of_it(text: str) -> None:
    assert find_mixed_word(text) == ""


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("сhord", "сhord"),
        ('"\\nсhord"', "сhord"),
        ('"\\nchоrd"', "chоrd"),
        ('"\\tadminа"', "adminа"),
        ('"%sсhord"', "сhord"),
        ('"%ldсhord"', "сhord"),
        ('"\\x41сhord"', "сhord"),
        ('"\\u0041сhord"', "сhord"),
        ('"\\033[31mсhord"', "сhord"),
        ('"<b>сhord</b>"', "сhord"),
        ('"&nbsp;сhord"', "сhord"),
        ('"{0}сhord"', "сhord"),
        ("%D0сhord", "сhord"),
        ("C:\\nеw", "еw"),
        ("// двоичные данные в Вase64.", "Вase64"),
        ("# Это аdmin и больше никто", "аdmin"),
        ("APIа = 1", "APIа"),
        ("APIа = 1  # это ключ", "APIа"),
        ("Если APIа() Тогда", "APIа"),
        ("если adminа и не гость", "adminа"),
        ("functionaдity", "functionaдity"),
        ("adлиn", "adлиn"),
        ("is_а", "is_а"),
        ("toКen = getТoken()", "toКen"),
        ("$adminа", "adminа"),
        ("ｅval(x)", "ｅval"),
        ("to\u212aen", "to\u212aen"),
        ("аdmin \ufffd", "аdmin"),
        ("раypal.com", "раypal"),
        ("clοse()", "clοse"),
        ("Сustom1-", "Сustom1"),
    ],
    ids=ascii,
)
def test_a_word_of_two_alphabets_is_found(text: str, word: str) -> None:
    assert find_mixed_word(text) == word


@pytest.mark.timed
@pytest.mark.parametrize("unit", ["\\", "%", "%0", "\\x", "~1", "&", "[0;", "aа", "Aа", "=4", "\\u{", "%(a", "ℓ_", "§"])
def test_nearly_an_escape_takes_no_time(unit: str) -> None:
    started = time.process_time()
    find_mixed_word("ж" + unit * (20_000 // len(unit)))

    assert time.process_time() - started < 0.2
