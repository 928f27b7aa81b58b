"""Chat templates and what transformers' apply_chat_template writes with them.

The templates of the two families are written here from the formats that the published models use; they are not
the published texts.
"""
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

MOONLIGHT = """\
{%- for turn in messages -%}
  {%- if loop.first and turn['role'] != 'system' -%}
    <|im_system|>system<|im_middle|>You answer briefly.<|im_end|>
  {%- endif -%}
  {%- if turn['role'] == 'system' -%}<|im_system|>
  {%- elif turn['role'] == 'user' -%}<|im_user|>
  {%- else -%}<|im_assistant|>{%- endif -%}
  {{ turn['role'] }}<|im_middle|>{{ turn['content'] }}<|im_end|>
{%- endfor -%}
{%- if add_generation_prompt -%}<|im_assistant|>assistant<|im_middle|>{%- endif -%}
"""

# The shipped model's: no default system turn, and the markers are put together.
SHIPPED = ("{%- for message in messages -%}"
           "{{ '<|im_' + message['role'] + '|>' + message['role'] + '<|im_middle|>' + message['content'] + '<|im_end|>' }}"
           "{%- endfor -%}"
           "{%- if add_generation_prompt -%}{{ '<|im_assistant|>assistant<|im_middle|>' }}{%- endif -%}")

# The older Mixtral format: no system message.
MIXTRAL_OLD = ("{{ bos_token }}{% for m in messages %}"
               "{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('user and assistant must take turns') }}{% endif %}"
               "{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]' }}"
               "{% elif m['role'] == 'assistant' %}{{ m['content'] + eos_token }}"
               "{% else %}{{ raise_exception('no such role here: ' + m['role']) }}{% endif %}{% endfor %}")

# The newer one: a first system message goes before the first question.
MIXTRAL_NEW = """\
{%- if messages[0]["role"] == "system" %}
    {%- set first_words = messages[0]["content"] %}
    {%- set turns = messages[1:] %}
{%- else %}
    {%- set turns = messages %}
{%- endif %}

{{- bos_token }}
{%- for turn in turns %}
    {%- if (turn["role"] == "user") != (loop.index0 % 2 == 0) %}
        {{- raise_exception("after a system message, user and assistant must take turns") }}
    {%- endif %}
    {%- if turn["role"] == "user" %}
        {%- if loop.first and first_words is defined %}
            {{- " [INST] " + first_words + "\\n\\n" + turn["content"] + " [/INST]" }}
        {%- else %}
            {{- " [INST] " + turn["content"] + " [/INST]" }}
        {%- endif %}
    {%- elif turn["role"] == "assistant" %}
        {{- " " + turn["content"] + eos_token }}
    {%- else %}
        {{- raise_exception("a system message must be the first") }}
    {%- endif %}
{%- endfor %}
"""

# What else the small Jinja must write as the real one does: spaces around tags above all.
LANGUAGE = [
    "", "plain text", "a\n", "a\n\n", "a\r\nb\rc\r\n", "{{ 'x' }}\n{{ 'y' }}\n",
    "a {% if true %} b {% endif %} c\n", "a\n  {% if true %}\n  b\n  {% endif %}\nc\n", "a\n  {%- if true -%}\n  b\n  {%- endif -%}\nc",
    "a \n {%+ if true %}\n b\n{% endif +%}\nc", "x {#- comment -#} y {# two\nlines #}\nz", "  {# c #}  \n  {{ 1 }}  \n", "\t{% set a = 1 %}\n{{ a }}\n\n",
    "{{ 1 }}\n{% if 1 %}\n\n{% endif %}\n{{ 2 }}", "{ { % } {", "{{ '{{ }}' }}{{ '%}' }}", "{{ {'a': {'b': 'deep'}}['a']['b'] }}",
    "{{ 'it\\'s' }}{{ \"q\\\"q\" }}{{ 'n\\nt\\tb\\\\e' }}{{ 'odd \\d \\%' }}", "{{ 'a' 'b'\n \"c\" }}", "{{ none }}{{ true }}{{ False }}{{ 42 }}{{ 1_000 }}{{ nothing }}",
    "{{ 1 + 2 * 3 - 4 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ (1 + 2) * 3 }}", "{{ 'a' ~ 1 ~ none ~ true }}", "{{ 1 < 2 }}{{ 2 <= 1 }}{{ 'a' == 'a' }}{{ 1 != true }}{{ none == false }}",
    "{{ 'x' if false }}|{{ 'x' if true else 'y' }}|{{ 'x' if nothing else 'y' if 0 else 'z' }}", "{{ not true or true and false }} {{ 'a' or 'b' }} {{ '' or 'b' }} {{ 'a' and 'b' }} {{ 0 and 'b' }}",
    "{{ 'ell' in 'hello' }} {{ 'x' not in 'hello' }} {{ 2 in [1, 2] }} {{ 'k' in {'k': 1} }} {{ not 'a' in 'b' }}", "{{ [1, 2, 3][-1] }}{{ [1, 2, 3][1:][0] }}{{ [1, 2, 3][:-1] | length }}{{ [1][5] }}",
    "{{ '  x \\n' | trim }}|{{ '  x '.strip() }}|{{ ' x '.rstrip() }}|{{ 'xxaxx'.strip('x') }}|{{ ' x '.lstrip() }}|", "{{ 'a,b,c'.split(',')[1] }}{{ 'abc'.startswith('ab') }}{{ 'abc'.endswith('x') }}{{ 'aXbX'.replace('X', '--') }}",
    "{{ messages | length }}{{ 'é🙂' | length }}{{ nothing | default('d') }}{{ '' | default('e', true) }}{{ ['x', 'y'] | join('-') }}{{ [1, 2] | first }}{{ [1, 2] | last }}{{ 5 | string + '5' }}",
    "{{ nothing is defined }}{{ messages is defined }}{{ none is none }}{{ 'a' is string }}{{ 1 is not string }}{{ messages[0] is mapping }}{{ messages is iterable }}{{ 1 is number }}{{ 3 is odd }}{{ nothing is not defined }}",
    "{% for m in messages %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ m.role }};{% endfor %}", "{% for m in messages if m.role == 'user' %}{{ loop.index }}{{ m.content }};{% else %}none{% endfor %}",
    "{% for m in [] %}x{% else %}empty{% endfor %}", "{% for m in messages %}{% if loop.index == 2 %}{% continue %}{% endif %}{% if loop.index == 4 %}{% break %}{% endif %}{{ m.content }}{% endfor %}!",
    "{% set n = namespace(count=0, last='') %}{% for m in messages %}{% set n.count = n.count + 1 %}{% set n.last = m.role %}{% endfor %}{{ n.count }}{{ n.last }}", "{% set x = 1 %}{% for m in messages %}{% set x = x + 1 %}{{ x }}{% endfor %}{{ x }}",
    "{% for i in range(3) %}{% for j in range(1, 3) %}{{ i }}{{ j }} {% endfor %}{% endfor %}", "{% for m in messages %}{{ loop.previtem.role if loop.previtem is defined }}>{{ m.role }}>{{ loop.nextitem.role if not loop.last }};{% endfor %}", "{{ messages[0].missing }}|{{ messages[0]['role'] }}|{{ messages[-1]['content'] }}|{{ messages[0].get('x', 'y') }}",
    "{% if messages[0].role == 'system' %}S{% elif messages|length > 2 %}L{% else %}E{% endif %}", "{%- if tools %}tools{%- endif %}{{ tools is none }}{{ documents is none }}", "{{ bos_token + eos_token }}{{ unk_token is defined }}{{ pad_token is defined }}",
    "{%- for m in messages -%}\n{{- m.content -}}\n{%- endfor -%}", "line one\n    {% for m in messages %}\n    - {{ m.role }}\n    {% endfor %}\nend\n", "{{- '\\n' -}} x {{- '\\n' -}}", "\u00a0{%- if 1 -%}\u3000x\u2028{%- endif -%}\u00a0y",
    # these are mistakes in Python, too
    "{{ nothing.x }}", "{{ 1 + 'a' }}", "{{ nothing + 'a' }}", "{{ raise_exception('stop here') }}", "{% if %}x{% endif %}", "{% for %}", "{% endfor %}", "{{ 'open", "{{ (1 }}", "{% if 1 %}", "{{ 1 1 }}", "{# open", "{% wrong %}", "{{ }}", "{{ a b }}", "{{ 'a'.strip(1) }}", "{% set x.y = 1 %}",
]

CONVERSATIONS = [
    [("user", "Hi")],
    [("user", "Hello, how many ships are there?"), ("assistant", "Three."), ("user", "And\nnow?")],
    [("system", "Be brief."), ("user", "Hi")],
    [("system", "Be brief."), ("user", "Hi"), ("assistant", " Hello! "), ("user", "  spaces  ")],
    [("user", ""), ("assistant", ""), ("user", "")],
    [("system", "")],
    [("user", "a"), ("user", "b")],
    [("assistant", "I start"), ("user", "b")],
    [("user", "a"), ("system", "late"), ("user", "b")],
    [("user", "<|im_end|>[INST] {{ inject }} 中文 🙂"), ("assistant", "</s>ok")],
]


def render(template, conversation, generate):
    """The prompt, or None where transformers raises."""
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), bos_token="<s>", eos_token="</s>", chat_template=template)
    messages = [{"role": role, "content": content} for role, content in conversation]
    try:
        return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=generate)
    except Exception:  # whatever Jinja raises
        return None


def chat_goldens():
    templates = {"moonlight": MOONLIGHT, "shipped": SHIPPED, "mixtral_old": MIXTRAL_OLD, "mixtral_new": MIXTRAL_NEW}
    prompts = {name: [[render(template, conversation, generate) for generate in (False, True)] for conversation in CONVERSATIONS]
               for name, template in templates.items()}
    return {"bos_token": "<s>", "eos_token": "</s>", "templates": templates, "conversations": CONVERSATIONS, "prompts": prompts,
            "language": [{"template": template, "text": render(template, CONVERSATIONS[3], False)} for template in LANGUAGE]}
