"""Numbers and passwords that a page shows anywhere but where they were asked for: in no byte that leaves it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import Page, Route

from server.app import make_app
from server.cobrowse import Sanitiser
from server.cobrowse.numbers import plain_digits
from server.config import Config
from tests.web.people import at_desk

pytestmark = pytest.mark.chromium

CARD, IDENTITY, PHONE, WORD = "6222021234567890128", "11010519491231002X", "13800138000", "sekretwort"
SECRETS = (CARD, IDENTITY, PHONE)
# What stands between digits that are read as one number, and what nobody sees.
BETWEEN = re.compile(r"[\s\u00ad\u200b-\u200f\u2060-\u2064.,·・‧/_|\\'\u2010-\u2015-]|\\u00ad|\\n")

RECORD = """async (markup) => {
  const { PageRecorder } = await import("/static/src/cobrowse/record.js");
  const made = document.createElement("section");
  made.innerHTML = markup;
  document.body.append(made);
  for (const host of made.querySelectorAll("template[data-of]")) {
    host.parentElement.attachShadow({ mode: "open" }).append(host.content);
    host.remove();
  }
  const pieces = [];
  const recorder = new PageRecorder((piece) => pieces.push(piece) > 0);
  const settle = () => new Promise((done) => setTimeout(done, 4));
  const type = async (input, value, after = () => {}) => {
    for (let end = 1; end <= value.length; end += 1) {
      input.value = value.slice(0, end);
      input.dispatchEvent(new InputEvent("input", { bubbles: true, composed: true }));
      after(value.slice(0, end));
      await settle();
    }
  };
  const find = (selector) => made.querySelector(selector);
  recorder.start();
  await settle();
  CHANGE;
  await settle();
  recorder.snapshot();
  recorder.stop();
  made.remove();
  document.adoptedStyleSheets = [];
  const whole = [];
  for (const { part, epoch, data } of pieces) {
    if (part === 0) whole.push([epoch, data]);
    else whole[whole.length - 1][1] += data;
  }
  return whole;
}"""


def spans(text: str, size: int = 1, tag: str = "span", between: str = "") -> str:
    groups = [text[at : at + size] for at in range(0, len(text), size)]
    return between.join(f"<{tag}>{group}</{tag}>" for group in groups)


def shadow(inside: str) -> str:
    return f"<template data-of>{inside}</template>"


def fields(parts: Sequence[str], extra: str = "", between: str = "") -> str:
    return between.join(f"<input data-cobrowse-plain {extra} value='{part}'>" for part in parts)


def typed(parts: Sequence[str]) -> str:
    """Types the parts into the fields, one after the other."""
    return f"for (const [at, part] of {list(parts)!r}.entries()) await type(made.querySelectorAll('input')[at], part);"


FOURS = [CARD[at : at + 4] for at in range(0, len(CARD), 4)]
DIGIT_CLASSES = "<style>" + "".join(f".d{digit}::before{{content:'{digit}'}}" for digit in "0123456789") + "</style>"
INPUT = "dispatchEvent(new InputEvent('input', { bubbles: true, composed: true }))"
ESCAPED = "\\36\\32 \\32 \\32 021234567890128"
LINE = "\n        "
HOST_STYLES = "<style>:host::before{content:'6222021'}::slotted(b)::after{content:'7890128'}</style><slot></slot>"
ONE_BY_ONE = f"for (const digit of '{CARD}')"
LEAKS: dict[str, tuple[str, str]] = {
    "one digit in each span": (f"<p>{spans(CARD)}</p><p>{spans(IDENTITY)}</p><p>{spans(PHONE)}</p>", ""),
    "groups of four": (
        f"<p>{spans(CARD, 4)}</p><p>{spans(CARD, 4, 'b', ' ')}</p><p>{spans(CARD, 4, 'i', LINE)}</p>",
        "",
    ),
    "parts in elements of each kind": ("<p>6<b>22</b>2<i>021<u>2345</u></i><wa-icon></wa-icon>67<a>890</a>128</p>", ""),
    "cells side by side": (
        (
            f"<table><tr>{spans(CARD, 4, 'td')}</tr><tr>{spans(IDENTITY, 1, 'td', ' ')}</tr>"
            "<tr><td>x<td>138<td>0013<td>8000<td>y</table>"
        ),
        "",
    ),
    "boxes side by side": (
        f"<div>{spans(CARD, 1, 'div')}</div><ul>{spans(CARD, 4, 'li')}</ul>{spans(PHONE, 1, 'div')}",
        "",
    ),
    "a shadow tree and its slot": (
        (
            f"<x-a>{shadow('<p>6222<slot></slot>7890128</p>')}<span>021</span><span>23456</span></x-a>"
            f"<x-b>{shadow('<b><slot name=two></slot><slot name=one></slot></b>')}"
            "<i slot=one>1234567890128</i><i slot=two>622202</i></x-b>"
        ),
        "",
    ),
    "two shadow trees": (
        f"<p><span>{shadow('<b>62220212</b>')}</span><span>{shadow('<i>34567890128</i>')}</span></p>",
        "",
    ),
    "a text divided while typing": (
        "<p>62220</p>",
        (
            "const text = find('p').firstChild; text.data = '622202'; await settle(); text.splitText(3);"
            "find('p').append('1234567890128'); await settle();"
        ),
    ),
    "a part that comes later": (
        "<p><span>6222</span><span></span></p>",
        "find('p').lastChild.textContent = '021234567890128'; await settle();",
    ),
    "a part that stood apart": (
        "<p>62220<b>x</b>21234567890128</p>",
        "find('b').remove(); await settle();",
    ),
    "spans that come one by one": (
        "<p></p><div></div>",
        (
            f"{ONE_BY_ONE} {{ for (const box of ['p', "
            f"'div']) {{ const one = document.createElement(box === 'p' ? 'i' : 'div');"
            "one.textContent = digit; find(box).append(one); } await settle(); }"
        ),
    ),
    "an echo of a field": (
        "<input id=a><p></p><b></b><em>x</em>",
        (
            f"await type(find('#a'), '{CARD}', (value) => {{ find('p').textContent = value; "
            f"find('b').append(value.at(-1));"
            "find('em').firstChild.data = `You typed ${value.replace(/(....)(?=.)/g, '$1 ')} so far`; });"
        ),
    ),
    "an echo of keys": (
        "<p></p><div><b></b></div><em>x</em>",
        (
            f"let value = ''; {ONE_BY_ONE} {{ value += digit; find('p').textContent = value;"
            "find('b').replaceChildren(...[...value].map((one) => Object.assign(document.createElement('i'), "
            "{ textContent: one }))); find('em').firstChild.data = value.replace(/(....)(?=.)/g, '$1 '); "
            "await settle(); }"
            "while (value) { value = value.slice(0, -1); find('p').textContent = value; await settle(); }"
        ),
    ),
    "an echo of a field that went away": (
        "<input id=a><p></p>",
        (
            f"await type(find('#a'), '{CARD}'); find('#a').remove(); await settle();"
            "find('p').textContent = '6222 0212'; await settle(); find('p').textContent = 'from 1234 567 on'; "
            "await settle();"
        ),
    ),
    "an echo of a password": (
        "<input id=a type=password><p></p><b></b>",
        (
            f"await type(find('#a'), '{WORD}', (value) => {{ find('p').textContent = value; "
            f"find('b').append(value.at(-1)); }});"
        ),
    ),
    "content of a sheet": (
        (
            f"<style>.x::after{{content:'{CARD}'}} .y::after{{content:'6222' \"0212\" '34567890128'}} .c{CARD}{{top:0}}"
            f".z::after{{content:'{ESCAPED}'}}</style><p style=\"--n:'{CARD}';--m:{CARD}\">a</p>"
            "<p style='--n: 6222 0212 3456 7890 128'>b</p>"
        ),
        (
            f"find('p').style.setProperty('--n', '\"{PHONE}\"'); "
            f"find('p').style.setProperty('--c{CARD}', '1'); await settle();"
            f"find('style').firstChild.data += \".w::after{{content:'{PHONE}'}}\"; await settle();"
            f'find(\'style\').append(".v::after{{content:\'", "62220", "21234567890128\'}}"); await settle();'
        ),
    ),
    "a rule that changes": (
        "<style>.x::after{content:'a'}</style>",
        (
            f"const sheet = find('style').sheet; sheet.insertRule(\".y::after{{content:'{CARD}'}}\"); await settle();"
            f"sheet.cssRules[0].style.setProperty('content', \"'{IDENTITY}'\"); await settle();"
            f"sheet.cssRules[1].style.content = \"'{PHONE}'\"; await settle();"
        ),
    ),
    "adopted sheets": (
        f"<x-c>{shadow('<p>a</p>')}</x-c>",
        (
            f"const sheet = new CSSStyleSheet(); sheet.replaceSync(\".x::after{{content:'{CARD}'}}\");"
            "document.adoptedStyleSheets = [sheet]; find('x-c').shadowRoot.adoptedStyleSheets = [sheet]; "
            "await settle();"
            f"sheet.insertRule(\".y::after{{content:'{PHONE}'}}\"); await settle();"
            f"sheet.replaceSync(\".z::after{{content:'{IDENTITY}'}}\"); await settle();"
        ),
    ),
    "drawings": (
        (
            f"<svg id=n{CARD} class='c{CARD}'><title>{CARD}</title><text id=t{PHONE} x='{CARD}'><tspan>6222021</tspan>"
            f'<tspan>234567890128</tspan></text></svg><img src="data:image/svg+xml,<svg '
            f"xmlns='http://www.w3.org/2000/svg'>"
            f'<text>{CARD}</text></svg>"><p style="background:url(&quot;data:image/svg+xml,'
            f"<svg xmlns='http://www.w3.org/2000/svg'><text>{PHONE}</text></svg>&quot;)\">a</p>"
        ),
        f"find('svg').id = '{IDENTITY}'; find('text').setAttribute('class', '{PHONE}'); await settle();",
    ),
    "attributes of each kind": (
        (
            f"<p id='{CARD}' class='a {PHONE}' lang='{CARD}' name='{CARD}' data-state='{CARD}' x{CARD}=1 "
            f"itemid='{PHONE}'"
            f" slot='data:{CARD}' part='6222 0212 3456 7890 128'>a</p><a href='tel:{PHONE}'>b</a><a "
            f"href='/p?c={CARD}'>c</a>"
            f"<x-{CARD}>d</x-{CARD}><time datetime='{CARD}'>e</time><output for='{CARD}'>f</output><!-- {CARD} -->"
        ),
        (
            f"for (const name of ['id', 'class', 'name', 'data-state', 'dir']) find('p').setAttribute(name, "
            f"'{IDENTITY}');"
            f"await settle(); document.title = '{CARD}'; await settle(); document.title = 'x';"
        ),
    ),
    "plain fields side by side": (
        (
            f"<div>{fields(FOURS)}</div><p>{fields(FOURS, between=' - ')}</p><p>{fields(CARD)}</p>"
            f"<p>{fields(['138', '0013', '8000'], 'type=tel')}</p><p>{fields(['110105', '19491231', '002X'])}</p>"
            f"<table><tr><td>{fields(FOURS, '', '<td>')}</table><p>{fields(['6222'])}021234567890128</p>"
            f"<p><textarea data-cobrowse-plain>6222</textarea>{fields(['0212'], 'type=button')}34567890128</p>"
        ),
        "",
    ),
    "plain fields that are made for parts": (
        f"<p>{fields([''] * 5, 'maxlength=4')}</p>",
        typed(FOURS),
    ),
    "plain fields that are set": (
        f"<p>{fields([''] * 5)}</p>",
        (
            f"for (const [at, part] of {FOURS!r}.entries()) made.querySelectorAll('input')[at].value = part; "
            "await settle();"
        ),
    ),
    "plain choices": (
        "".join(f"<select data-cobrowse-plain><option data-cobrowse-plain>{part}</select>" for part in FOURS),
        "",
    ),
    "parts of the page one below the other": (
        (
            f"{spans(CARD, 4, 'h2')}{spans(CARD, 4, 'section')}{spans(CARD, 1, 'article')}"
            f"<div>{spans(CARD, 4, 'button')}</div><table><tr><td>{'<tr><td>'.join(FOURS)}</table>"
            f"<p>{'<svg></svg>'.join(FOURS)}</p>"
        ),
        "",
    ),
    "what nobody sees between the parts": (
        (
            f"<style>.no{{display:none}}</style><p>{'<i hidden>and</i>'.join(FOURS)}</p>"
            f"<p>{'<b class=no>and</b>'.join(FOURS)}</p>"
        ),
        (
            "made.querySelectorAll('i').forEach((one) => one.remove()); made.querySelectorAll('b').forEach((one) => "
            "one.remove()); await settle();"
        ),
    ),
    "what style sheets put before and after": (
        (
            f"{DIGIT_CLASSES}<style>.m::before{{content:'6222'}}.m::after{{content:'7890128'}}.n::before{{content:attr(data-n)}}"
            f"</style><p>{''.join(f'<i class=d{digit}></i>' for digit in CARD)}</p><p class=m>02123456</p>"
            f"<p>{''.join(f'<i class=n data-n={part}></i>' for part in FOURS)}</p>"
        ),
        "",
    ),
    "a password before it is on the page": (
        f"<input type=password data-cobrowse-plain value={WORD}><p></p>",
        (
            "const one = document.createElement('input'); one.type = 'password'; "
            f"one.setAttribute('data-cobrowse-plain', ''); one.value = '{WORD}'; one.type = 'text'; "
            "find('p').append(one); const two = find('input').cloneNode(true); two.setAttribute('type', 'text'); "
            "find('p').append(two);"
            "find('p').append(one.cloneNode()); find('input').removeAttribute('type'); await settle();"
            f"for (const one of made.querySelectorAll('input')) one.{INPUT}; await settle();"
        ),
    ),
    "secrets by their look, their purpose and their container": (
        (
            f"<style>.z{{-webkit-text-security:disc}}</style><input class=z data-cobrowse-plain value={WORD}>"
            f"<input data-cobrowse-plain autocomplete='section-a cc-csc' value={WORD}>"
            f"<div data-cobrowse-mask><input data-cobrowse-plain value={WORD}></div>"
        ),
        f"for (const one of made.querySelectorAll('input')) one.{INPUT}; find('.z').className = ''; await settle();",
    ),
    "a password that is spelt": (
        f"<input type=password value={WORD}><p></p>",
        f"find('p').textContent = '{' '.join(WORD)}'; await settle();",
    ),
    "a number of an attribute that grows": (
        "<input id=a><p></p>",
        f"await type(find('#a'), '{CARD}', (value) => find('p').style.setProperty('--v', value));",
    ),
    "letters in the place of digits": (
        (
            f"<p>{spans(CARD.replace('0', 'O'))}</p><p>{spans(CARD.replace('1', 'l'), 4)}</p>"
            f"<table><tr><td>{'<td>'.join(FOURS).replace('0', 'O')}</table><p>11O1O519491231OO2X</p>"
            f"<input data-cobrowse-plain value='62220212345O7890128'>"
        ),
        "",
    ),
    "counters": (
        (
            "<style>.o{counter-reset:a 62220212}.k::before{content:counter(a)}"
            ".s{counter-reset:b 6221 c 212}.t{counter-increment:b}.t::before{content:counter(b) '0'}"
            ".t::after{content:counter(c)}.u::before{content:counters(d, '')}.v::before{counter-increment:e 6222;"
            "content:counter(e)}</style>"
            "<div class=o><div><p class=k>34567890128</p></div></div>"
            "<div class=s><p class=t></p></div><div class=s><p><b class=t></b>34567890128</p></div>"
            "<div style='counter-reset:d 6222'><i style='counter-reset:d 212'><p class=u>34567890128</p></i></div>"
            "<p class=v>021234567890128</p>"
        ),
        "",
    ),
    "marks, signs of lists and quotes": (
        (
            f"<style>{''.join(f'.m{at}::marker{{content:{part!r}}}' for at, part in enumerate(FOURS))}"
            f"{''.join(f'.l{at}{{list-style-type:{part!r}}}' for at, part in enumerate(FOURS))}"
            "q{quotes:'62220212' '34567890128'}</style>"
            f"<ul>{''.join(f'<li class=m{at}></li>' for at in range(5))}</ul>"
            f"<ul>{''.join(f'<li class=l{at}></li>' for at in range(5))}</ul><p><q></q></p>"
            f"<ol>{''.join(f'<li value={int(part)}></li>' for part in FOURS)}</ol>"
        ),
        "",
    ),
    "what a shadow tree puts before and after": (
        (f"<x-g>{shadow(HOST_STYLES)}23456<b></b></x-g>"),
        "",
    ),
    "a field without limits": (
        "<input data-cobrowse-plain><textarea data-cobrowse-plain></textarea><input data-cobrowse-plain type=number>",
        (
            f"await type(find('input'), '{CARD}'); await type(find('textarea'), 'My card {CARD}');"
            f"await type(find('input[type=number]'), '{CARD}');"
            "const one = find('input'); while (one.value) { one.value = one.value.slice(0, -1);"
            f"one.{INPUT}; await settle(); }}"
            f"one.value = '{CARD[:8]}'; one.{INPUT}; await settle(); one.value = '{CARD}'; one.{INPUT}; await settle();"
            f"for (let at = 18; at >= 0; at -= 1) {{ one.value = '{CARD}'.slice(at); one.{INPUT}; await settle(); }}"
        ),
    ),
    "a field that writes amounts": (
        "<input data-cobrowse-plain>",
        f"await type(find('input'), Number('{CARD[:12]}').toLocaleString('en')); await type(find('input'), '{CARD}');",
    ),
    "what an input method composes": (
        "<input data-cobrowse-plain>",
        (
            "const one = find('input'); for (let end = 1; end < 20; end += 1) {"
            f"const data = '{CARD}'.slice(0, end);"
            "one.dispatchEvent(new CompositionEvent('compositionupdate', { data, bubbles: true }));"
            f"one.value = '{CARD}'.slice(0, end); one.{INPUT}; await settle(); }}"
        ),
    ),
    "marks through and above digits": (
        "".join(f"<p>{mark.join(CARD)}</p>" for mark in ("\u0336", "\u0301", "\u20dd", "\U000e0100")),
        "",
    ),
    "other ways to an input of another type": (
        (
            f"<input type=password data-cobrowse-plain value={WORD}>"
            f"<x-p>{shadow(f'<input type=password data-cobrowse-plain value={WORD}>')}</x-p>"
        ),
        (
            "const inner = find('x-p').shadowRoot.querySelector('input');"
            "find('input').setAttributeNS(null, 'type', 'text'); inner.type = 'text';"
            f"for (const one of [find('input'), inner]) one.{INPUT}; await settle();"
        ),
    ),
    "a title in parts": ("<p>a</p>", f"document.title = 'Card {CARD[:9]}'; await settle(); document.title = 'x';"),
}

# What an expert has to see, figure by figure.
SHOWN: dict[str, tuple[str, str, list[str]]] = {
    "tables": (
        (
            "<table><tr><td>1200<td>3400<td>5600<td>7800<tr><td>2023<td>2024<td>2025<td>2026"
            "<tr><td>1,200.00<td>34.50<td>2026-11-23<td>12</table>"
        ),
        "",
        ["1200", "3400", "5600", "7800", "2023", "2026", "1,200.00", "34.50", "2026-11-23"],
    ),
    "keys and pages": (
        (
            f"<div>{spans('1234567890', 1, 'button')}</div><nav>{spans('123456789', 1, 'a', ' | ')}</nav>"
            "<ol><li>1<li>2<li>3<li>4<li>5<li>6<li>7<li>8<li>9<li>10<li>11<li>12</ol>"
            "<p><a href='/library'>1024 pages</a></p>"
        ),
        "find('p').append(' of 365'); await settle();",
        ["12", "10", "1024 pages", " of 365"],
    ),
    "fields with figures": (
        (
            f"<p>{fields(['2026', '11', '23'], '', ' - ')}</p><p>{fields(['14', '30', '05'], 'maxlength=2', ':')}</p>"
            f"<p>{fields(['20000', '50000'])}</p><p>{fields(['365', '200000'])}</p><p>{fields(['', '', ''])}</p>"
        ),
        (
            "const row = find('p:last-child').children;"
            "for (const [at, part] of ['3000', '6000', '12'].entries()) await type(row[at], part);"
        ),
        ["2026", "23", "14", "05", "20000", "50000", "365", "200000", "3000", "6000", "12"],
    ),
    "figures one below the other": (
        (
            f"<table><tr><td>{'<tr><td>'.join('354521543545')}</table><div>{spans('5829103746', 1, 'button')}</div>"
            f"<section>1200</section><section>3400</section><section>5600</section><section>7800</section>"
        ),
        "",
        ["5829103746"[0], "1200", "7800"],
    ),
    "generated figures": (
        (
            "<style>.s{counter-increment:s}.s::before{content:counter(s) '. '}.c::after{content:' 24h'}"
            ".y::after{content:'2026'}</style><p class=s>a</p><p class=c>b</p><p class=y>c</p><ol start=120><li>d</ol>"
        ),
        "",
        [" 24h", "2026", "counter(s)", '"start":"120"'],
    ),
    "an amount and what it comes to": (
        "<input id=a data-cobrowse-plain><p></p><b></b><em></em>",
        (
            "await type(find('#a'), '250000', (value) => { find('p').textContent = value; "
            "find('b').textContent = `${value} 元`;"
            "find('em').textContent = `= ${Number(value).toLocaleString('en')}`; });"
        ),
        ["250000", "250000 元", "= 250,000"],
    ),
    "what has nothing to do with a field": (
        "<input id=a><p>2026-11-23 14:30</p><b>20,000 元</b><em>1380 m</em><i>95588</i>",
        f"await type(find('#a'), '{CARD}'); find('em').textContent = '1390 m'; await settle();",
        ["2026-11-23 14:30", "20,000 元", "1380 m", "1390 m", "95588"],
    ),
    "names, figures and times": (
        (
            "<p>GB/T 35273-2020</p><p>3.25,3.50,3.75,4.00</p><p>¥123456789</p><p>2026-11~2026-12</p>"
            "<p>400-820-8820-1234</p><p>登记编码 Z7001026000123</p><p>100000, 200000, 500000</p><p>20261123143005</p>"
            "<p>10l 20l 30l</p><p>京公网安备 11010202001234号</p><span>GB/T </span><span>35273</span><span>-2020</span>"
        ),
        "",
        [
            *("GB/T 35273-2020", "3.25,3.50,3.75,4.00", "¥123456789", "2026-11~2026-12", "400-820-8820-1234"),
            *("Z7001026000123", "100000, 200000, 500000", "20261123143005", "10l 20l 30l", "11010202001234", '"35273"'),
        ],
    ),
    "amounts while they are typed": (
        (
            "<input data-cobrowse-plain maxlength=8><input data-cobrowse-plain type=number max=5000000>"
            "<input data-cobrowse-plain id=long><input data-cobrowse-plain id=date>"
        ),
        (
            "await type(find('input'), '735912'); await type(find('input[type=number]'), '846013');"
            "find('#long').focus(); await type(find('#long'), '957124'); find('#long').blur(); await settle();"
            "find('#date').focus(); await type(find('#date'), '2026-11-23');"
        ),
        ['"text":"73591"', '"text":"735912"', '"text":"84601"', '"text":"957124"', '"text":"2026-11-23"'],
    ),
    "icons, lengths and colours": (
        (
            "<style>.i::before{content:'\\f101'}.j{z-index:2147483647;color:rgb(255 255 255)}</style>"
            "<svg><path d='M1 2 3 4 5 6 7 8 9 10 11 12.123456789 13'></path></svg><p style='--c: 255 255 255'>a</p>"
        ),
        "",
        ["2147483647", "M1 2 3 4 5 6 7 8 9 10 11 12.123456789 13", "255 255 255"],
    ),
    "a number that was none": (
        "<p>1</p><b>12</b>",
        "find('p').textContent = '15000'; find('b').textContent = '7'; await settle(); find('p').textContent = '3';",
        ["15000"],
    ),
}


async def recorded(shown: Page, markup: str, change: str) -> list[list[str]]:
    batches: list[list[str]] = await shown.evaluate(RECORD.replace("CHANGE", change), markup)
    return batches


def strings(value: Any, key: str = "") -> Iterator[str]:
    """What is shown: the texts of nodes and inputs, one after the other."""
    if isinstance(value, str) and key in ("textContent", "value", "text"):
        yield value
    elif isinstance(value, list | dict):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from strings(inner, str(name))


def seen(batches: list[str]) -> list[str]:
    """The bytes as they are, and everything in them that is text, one after the other."""
    texts = "".join(text for batch in batches for text in strings(json.loads(batch)))
    return [BETWEEN.sub("", plain_digits(text)) for text in ("".join(batches), texts)]


def parts_of(secret: str) -> list[str]:
    return [secret[at : at + 6] for at in range(len(secret) - 5)]


def leaks(batches: list[str]) -> list[str]:
    return [
        f"{part}: …{text[max(0, text.index(part) - 100) : text.index(part) + 60]}"
        for text in seen(batches)
        for secret in (*SECRETS, WORD)
        for part in parts_of(secret)
        if part in text
    ]


async def without_policy(route: Route) -> None:
    answer = await route.fetch()
    await route.fulfill(
        response=answer,
        headers={name: value for name, value in answer.headers.items() if name != "content-security-policy"},
    )


async def test_what_leaves_a_page(tmp_path: Path) -> None:
    server = TestServer(make_app(Config(data=tmp_path / "data", minimum_free_mb=0)))
    await server.start_server()
    found: dict[str, list[str]] = {}
    missing: dict[str, list[str]] = {}
    try:
        async with at_desk(tmp_path, devices=False) as person:
            # A kiosk's own pages may have style sheets in their markup; ours may not.
            await person.page.route("**/login", without_policy)
            await person.page.goto(str(server.make_url("/login")))
            for name, (markup, change) in LEAKS.items():
                batches = await recorded(person.page, markup, change)
                assert len({epoch for epoch, _ in batches}) == 2, name
                assert all(one in "".join(data for _, data in batches) for one in ('"type":2', "html")), name
                found[name] = leaks([data for _, data in batches])
            for name, (markup, change, wanted) in SHOWN.items():
                batches = await recorded(person.page, markup, change)
                clean, sanitisers = "", {epoch: Sanitiser() for epoch, _ in batches}
                for epoch, data in batches:
                    clean += sanitisers[epoch](data.encode()).decode()
                text = "".join(data for _, data in batches)
                missing[name] = [one for one in wanted if one not in text or one not in clean]
    finally:
        await server.close()
    assert {name: left[:2] for name, left in found.items() if left} == {}
    assert {name: lost for name, lost in missing.items() if lost} == {}
