"""An app that says at once what Markdown can show: formulas, footnotes, callouts, tasks, code."""

import webapp as cl

TEXT = r"""# Rich answers

The roots of $ax^2+bx+c=0$ are $x_{1,2} = \frac{-b \pm \sqrt{b^2-4ac}}{2a}$, and
it costs $5 to $10. See the note[^1] and another[^note].

$$
\int_0^\infty e^{-x^2}\,dx = \frac{\sqrt{\pi}}{2}, \qquad \sum_{i=1}^n i = \frac{n(n+1)}{2},
\qquad \lim_{x\to 0}\frac{\sin x}{x} = 1, \qquad \hat{y} = \mathbf{X}\boldsymbol{\beta} + \vec{v}
$$

\[
\begin{aligned}
f(x) &= (x+1)^2 \\
     &= x^2 + 2x + 1
\end{aligned}
\qquad
|x| = \begin{cases} x & x \ge 0 \\ -x & \text{otherwise} \end{cases}
\qquad
\left[\begin{array}{cc|c} 1 & 2 & 3 \\ \hline 4 & 5 & 6 \end{array}\right] \boxed{42}\ \cancel{x}
\]

Unknown stays: $\foo{x}$. Long: $a_1 + a_2 + a_3 + a_4 + a_5 + a_6 + a_7 + a_8 + a_9 + a_{10}$
end.

> [!NOTE]
> A note with `code` and $x^2$.

> [!TIP]
> Do this.

> [!IMPORTANT]
> Read this.

> [!WARNING]
> Careful with that.

> [!CAUTION]
> Do not press.

- [x] Done thing
- [ ] Open thing
  with more
- Usual item

```python
def a_very_long_function_name_that_goes_on(argument_one, argument_two): return 1
```

| Formula | Meaning |
|---|---|
| $E = mc^2$ | energy |
| $\mathbb{R}^n$ | space |

[A link](https://example.org/).

[^1]: The *first* note.
[^note]: The second note, with $x$.

    And a second paragraph.
"""


@cl.on_chat_start
def start() -> None:
    cl.Message(TEXT).send()


@cl.on_message
def answer(_message: cl.Message) -> None:
    message = cl.Message()
    for place in range(0, len(TEXT), 40):
        message.stream_token(TEXT[place : place + 40])
    message.send()
