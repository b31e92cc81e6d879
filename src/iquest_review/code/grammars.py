"""The parser of each language, and the tree-sitter query that finds definitions in its trees.

In a query the capture around a pattern is named after the kind of the definition, @name is its name and @body what
follows its signature. @lead is directly above a definition and belongs to it. The names of nodes are those in
src/node-types.json of each grammar.
"""

from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from itertools import accumulate, count
from time import process_time

import tree_sitter

from iquest_review.code.languages import identify_language

FREE_STEPS, BYTES_PER_STEP = (
    300,
    50,
)  # code written by people takes one step for 70 to 200 bytes; a parser makes 70,000 steps per second
MAX_PARSE_SECONDS = 2.0
MAX_MATCHES = 64  # that are open at the same time
MAX_DEPTH_NODES, MAX_LINE_BYTES = 400, 10_000  # the depth also limits nested brackets

Clock = Callable[[], float]  # seconds since any moment
Captures = dict[str, list[tree_sitter.Node]]

_NAMED = "name: (_) @name body: (_) @body"
_NO_BRACKETS = bytes(set(range(256)) - set(b"()[]{}"))
_CHUNK_BYTES = 65_536  # that the parser gets at once
_JS_VALUE = (
    "[(arrow_function body: (_) @body) (function_expression body: (_) @body) (generator_function body: (_) @body)]"
)


def _make_patterns(*kinds: str, fields: str = _NAMED) -> str:
    """Return a pattern for each kind of node, all with the same fields.

    Each argument is the kind of the definition and the kinds of its nodes, separated by blanks.
    """
    return "".join(f"({node} {fields}) @{kind}\n" for kind, *nodes in map(str.split, kinds) for node in nodes)


_PYTHON = """
(function_definition name: (_) @name body: (_) @body) @function
(class_definition name: (_) @name body: (_) @body) @class
(decorated_definition definition: (function_definition name: (_) @name body: (_) @body)) @function
(decorated_definition definition: (class_definition name: (_) @name body: (_) @body)) @class
(assignment left: (identifier) @name right: (lambda body: (_) @body)) @function
"""

# Tests are calls with a string and a function, such as it("adds", () => {...}).
_JAVASCRIPT = (
    _make_patterns(
        "function function_declaration generator_function_declaration method_definition", "class class_declaration"
    )
    + f"""
(variable_declarator name: (_) @name value: {_JS_VALUE}) @function
(variable_declarator name: (_) @name value: (call_expression arguments: (arguments . {_JS_VALUE}))) @function
(variable_declarator name: (_) @name value: (class body: (_) @body)) @class
(assignment_expression left: (_) @name right: {_JS_VALUE}) @function
(pair key: (_) @name value: {_JS_VALUE}) @function
(export_statement "default" @name value: {_JS_VALUE}) @function
(export_statement declaration: (class_declaration name: (_) @name body: (_) @body)) @class
(call_expression arguments: (arguments . [(string) (template_string)] @name . {_JS_VALUE})) @callback
"""
)

_JS_FIELD = f"(field_definition property: (_) @name value: {_JS_VALUE}) @function"

_TYPESCRIPT = (
    _JAVASCRIPT
    + _make_patterns(
        "class abstract_class_declaration",
        "interface interface_declaration",
        "enum enum_declaration",
        "namespace internal_module module",
    )
    + f"""
(type_alias_declaration name: (_) @name value: (object_type) @body) @type
(public_field_definition name: (_) @name value: {_JS_VALUE}) @function
(export_statement declaration: (abstract_class_declaration name: (_) @name body: (_) @body)) @class
(class_body (decorator) @lead)
"""
)

_GO = """
(function_declaration name: (_) @name body: (_) @body) @function
(method_declaration name: (_) @name body: (_) @body) @method
(type_spec name: (_) @name type: (struct_type (field_declaration_list) @body)) @struct
(type_spec name: (_) @name type: (interface_type) @body) @interface
(var_spec name: (_) @name value: (expression_list . (func_literal body: (_) @body))) @function
(short_var_declaration left: (expression_list . (identifier) @name .)
    right: (expression_list . (func_literal body: (_) @body))) @function
(call_expression arguments: (argument_list . [(interpreted_string_literal) (raw_string_literal)] @name .
    (func_literal body: (_) @body))) @callback
"""

_JAVA = (
    _make_patterns(
        "class class_declaration",
        "interface interface_declaration annotation_type_declaration",
        "enum enum_declaration",
        "record record_declaration",
        "function method_declaration constructor_declaration compact_constructor_declaration",
    )
    + "(variable_declarator name: (_) @name value: (lambda_expression body: (_) @body)) @function"
)

_KOTLIN = """
(class_declaration name: (_) @name [(class_body) (enum_class_body)]? @body) @class
(object_declaration name: (_) @name (class_body)? @body) @object
(companion_object (class_body) @body) @object
(function_declaration name: (_) @name (function_body) @body) @function
(secondary_constructor (block) @body) @function
(anonymous_initializer (block) @body) @function
(property_declaration (variable_declaration . (identifier) @name) (lambda_literal) @body) @function
"""

_C = (
    _make_patterns("struct struct_specifier", "union union_specifier", "enum enum_specifier")
    + """
(function_definition declarator: (_) @name body: (_) @body) @function
(type_definition type: [(struct_specifier body: (_) @body) (union_specifier body: (_) @body)] declarator: (_) @name)
    @struct
(type_definition type: (enum_specifier body: (_) @body) declarator: (_) @name) @enum
(preproc_function_def name: (_) @name value: (_) @body) @macro
"""
)

_CPP = (
    _C
    + """
(class_specifier name: (_) @name body: (_) @body) @class
(namespace_definition name: (_)? @name body: (_) @body) @namespace
(template_declaration (function_definition declarator: (_) @name body: (_) @body)) @function
(template_declaration (class_specifier name: (_) @name body: (_) @body)) @class
(template_declaration (struct_specifier name: (_) @name body: (_) @body)) @struct
(init_declarator declarator: (_) @name value: (lambda_expression body: (_) @body)) @function
"""
)

_C_SHARP = (
    _make_patterns(
        "namespace namespace_declaration",
        "class class_declaration",
        "struct struct_declaration",
        "interface interface_declaration",
        "enum enum_declaration",
        "function method_declaration constructor_declaration destructor_declaration local_function_statement",
    )
    + """
(record_declaration name: (_) @name body: (_)? @body) @record
(operator_declaration operator: _ @name body: (_) @body) @function
(property_declaration name: (_) @name accessors: (_) @body) @property
(indexer_declaration accessors: (_) @body) @property
(variable_declarator name: (_) @name (lambda_expression body: (_) @body)) @function
"""
)

_RUST = (
    _make_patterns(
        "function function_item",
        "trait trait_item",
        "struct struct_item",
        "enum enum_item",
        "union union_item",
        "module mod_item",
    )
    + """
(impl_item type: (_) @name body: (_) @body) @impl
(macro_definition name: (_) @name) @macro
(let_declaration pattern: (identifier) @name value: (closure_expression body: (_) @body)) @function
(attribute_item) @lead
"""
)

_RUBY = (
    _make_patterns(
        "function method singleton_method", "class class", "module module", fields="name: (_) @name body: (_)? @body"
    )
    + """
(singleton_class value: (_) @name) @class
(assignment left: (_) @name right: (lambda body: (_) @body)) @function
(call arguments: (argument_list . [(string) (simple_symbol)] @name) block: (_) @body) @callback
"""
)

_PHP = (
    _make_patterns(
        "function function_definition method_declaration",
        "class class_declaration",
        "interface interface_declaration",
        "trait trait_declaration",
        "enum enum_declaration",
    )
    + """
(assignment_expression left: (_) @name right: [(anonymous_function body: (_) @body) (arrow_function body: (_) @body)])
    @function
(function_call_expression arguments: (arguments . (argument [(string) (encapsed_string)] @name) .
    (argument [(anonymous_function body: (_) @body) (arrow_function body: (_) @body)]))) @callback
"""
)

_BASH = "(function_definition name: (_) @name body: (_) @body) @function"

_SCALA = (
    _make_patterns(
        "class class_definition",
        "object object_definition given_definition",
        "trait trait_definition",
        "enum enum_definition",
        fields="name: (_) @name body: (_)? @body",
    )
    + """
(function_definition name: (_) @name body: (_) @body) @function
(val_definition pattern: (identifier) @name value: (lambda_expression) @body) @function
"""
)


# The name of a language: the module of its grammar, the function that returns the parser's tables, and the query.
_SOURCES = {
    "Python": ("tree_sitter_python", "language", _PYTHON),
    "JavaScript": ("tree_sitter_javascript", "language", _JAVASCRIPT + _JS_FIELD),
    "TypeScript": ("tree_sitter_typescript", "language_typescript", _TYPESCRIPT),
    "TSX": ("tree_sitter_typescript", "language_tsx", _TYPESCRIPT),
    "Go": ("tree_sitter_go", "language", _GO),
    "Java": ("tree_sitter_java", "language", _JAVA),
    "Kotlin": ("tree_sitter_kotlin", "language", _KOTLIN),
    "C": ("tree_sitter_c", "language", _C),
    "C++": ("tree_sitter_cpp", "language", _CPP),
    "CUDA": ("tree_sitter_cpp", "language", _CPP),
    "C#": ("tree_sitter_c_sharp", "language", _C_SHARP),
    "Rust": ("tree_sitter_rust", "language", _RUST),
    "Ruby": ("tree_sitter_ruby", "language", _RUBY),
    "PHP": ("tree_sitter_php", "language_php", _PHP),
    "Shell": ("tree_sitter_bash", "language", _BASH),
    "Scala": ("tree_sitter_scala", "language", _SCALA),
    "Scala worksheet": ("tree_sitter_scala", "language", _SCALA),
}


def is_known(path: str) -> bool:
    """Return whether there is a parser for a file with this name."""
    return _find_source(path) is not None


def parse_source(path: str, text: bytes, clock: Clock = process_time) -> tree_sitter.Tree | None:
    """Return the tree of a text in UTF-8.

    Returns None for a text that is nested too deeply, has too long lines, or takes the parser too many steps or more
    than MAX_PARSE_SECONDS: a text made for that purpose can take minutes. Raises ValueError for a file that
    `is_known` rejects.
    """
    if max(map(len, text.split(b"\n"))) > MAX_LINE_BYTES or _measure_depth(text) > MAX_DEPTH_NODES:
        return None  # a parser may not complete one step, or may overflow its stack
    source = _find_source(path)
    if source is None:
        raise ValueError(f"there is no parser for {path}")
    language, _ = _load_language(*source)
    steps, end = count(-FREE_STEPS), clock() + MAX_PARSE_SECONDS
    try:
        return tree_sitter.Parser(language).parse(
            lambda start, _: text[start : start + _CHUNK_BYTES],
            progress_callback=lambda *_: next(steps) * BYTES_PER_STEP > len(text) or clock() > end,
        )
    except ValueError:  # the binding raises it when the callback stops the parser
        return None


def run_query(path: str, text: bytes, clock: Clock = process_time) -> list[Captures] | None:
    """Return the matches of the query in a text in UTF-8, including the parser's errors.

    Returns None where `parse_source` does, and raises what it raises.
    """
    tree, source = parse_source(path, text, clock), _find_source(path)
    if tree is None or source is None:
        return None
    cursor = tree_sitter.QueryCursor(
        _load_language(*source)[1], match_limit=MAX_MATCHES
    )  # no progress_callback: it kills the process (0.26.1)
    cursor.set_max_start_depth(MAX_DEPTH_NODES)  # below it, the time for each node grows with the depth
    return [captures for _, captures in cursor.matches(tree.root_node)]


def _measure_depth(text: bytes) -> int:
    """Return how deeply brackets are nested; brackets in strings and comments count too."""
    return max(accumulate(1 if bracket in b"([{" else -1 for bracket in text.translate(None, _NO_BRACKETS)), default=0)


def _find_source(path: str) -> tuple[str, str, str] | None:
    language = identify_language(path)
    return _SOURCES.get(language.name) if language else None


@lru_cache
def _load_language(module: str, function: str, query: str) -> tuple[tree_sitter.Language, tree_sitter.Query]:
    """Import the parser of a language when its first file needs it, and compile its query."""
    language = tree_sitter.Language(getattr(import_module(module), function)())
    return language, tree_sitter.Query(language, query + "\n(ERROR) @error")
