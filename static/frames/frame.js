// Draws a chart of Plotly, or a diagram of Mermaid. It runs in a frame whose origin is nobody's.
(() => {
  "use strict";
  // So long it takes at most until the page around this one says that it fetches the library.
  const ANSWER_WITHIN = 500; // milliseconds
  // What Plotly's own template says. A figure with another one keeps its colours.
  const OWN_GROUND = "#E5ECF6";
  const CLEAR = "rgba(0,0,0,0)";
  const COLOURS = {
    light: { text: "#18201e", line: "#dfe4e2" },
    dark: { text: "#e9eeec", line: "#343b3e" },
  };
  const { library } = document.currentScript.dataset;
  const { origin } = new URL(document.currentScript.src);
  const chart = document.getElementById("chart");
  const diagram = document.getElementById("diagram");
  const dark = matchMedia("(prefers-color-scheme: dark)");

  const tell = (message) => parent.postMessage(message, origin);

  // Calls back for each message of the page around this one, and of nobody else.
  const onMessage = (listener) => addEventListener("message", ({ data, origin: from, source }) => {
    if (source === parent && from === origin && data && typeof data === "object") listener(data);
  });

  const run = (src) => new Promise((resolve, reject) => {
    const script = document.createElement("script");
    Object.assign(script, { src, onload: resolve, onerror: reject });
    document.head.append(script);
  });

  // No browser keeps what a frame without an origin has loaded for the next one. The page around it
  // does, so it is asked first. That of a shared chat has no script, and does not answer.
  const loaded = new Promise((resolve, reject) => {
    const loadHere = () => run(library).then(resolve, reject);
    const wait = setTimeout(loadHere, ANSWER_WITHIN);
    onMessage(({ fetches, code, fails }) => {
      if (fetches) clearTimeout(wait);
      if (fails) loadHere();
      if (typeof code === "string") {
        run(URL.createObjectURL(new Blob([code], { type: "text/javascript" }))).then(resolve, loadHere);
      }
    });
  });

  // --- Charts

  const isPlain = (layout) => {
    const ground = layout.template?.layout?.plot_bgcolor;
    return (!ground || ground === OWN_GROUND) && !layout.paper_bgcolor && !layout.plot_bgcolor;
  };

  const withColours = (layout) => {
    if (!isPlain(layout)) return layout;
    const { text, line } = dark.matches ? COLOURS.dark : COLOURS.light;
    const template = layout.template ?? {};
    const base = template.layout ?? {};
    const axis = { gridcolor: line, linecolor: line, zerolinecolor: line };
    const scene = { backgroundcolor: CLEAR, ...axis };
    return {
      ...layout,
      template: {
        ...template,
        layout: {
          ...base,
          paper_bgcolor: CLEAR,
          plot_bgcolor: CLEAR,
          font: { ...base.font, color: text },
          xaxis: { ...base.xaxis, ...axis },
          yaxis: { ...base.yaxis, ...axis },
          polar: {
            ...base.polar,
            bgcolor: CLEAR,
            angularaxis: { ...base.polar?.angularaxis, ...axis },
            radialaxis: { ...base.polar?.radialaxis, ...axis },
          },
          scene: {
            ...base.scene,
            xaxis: { ...base.scene?.xaxis, ...scene },
            yaxis: { ...base.scene?.yaxis, ...scene },
            zaxis: { ...base.scene?.zaxis, ...scene },
          },
        },
      },
    };
  };

  const say = (text) => {
    const line = document.createElement("p");
    line.textContent = text;
    chart.replaceChildren(line);
  };

  const drawChart = async () => {
    try {
      await loaded;
      const { data, layout = {}, frames, config } = JSON.parse(
        document.getElementById("figure").textContent,
      );
      const figure = { data, layout: withColours(layout), frames };
      figure.config = { ...config, displaylogo: false, responsive: true };
      await window.Plotly.react(chart, figure);
    } catch {
      say("This chart cannot be drawn. Its data is in the table that the link below leads to.");
    }
  };

  // --- Diagrams

  let source = "";
  let count = 0;

  const tellHeight = () => tell({ height: Math.ceil(diagram.getBoundingClientRect().height) });

  const drawDiagram = async () => {
    try {
      await loaded;
      const { mermaid } = window;
      mermaid.initialize({
        startOnLoad: false,
        securityLevel: "strict",
        suppressErrorRendering: true,
        theme: dark.matches ? "dark" : "default",
      });
      count += 1;
      const { svg } = await mermaid.render(`diagram-${count}`, source);
      // The source was cleaned by Mermaid, and nothing here is worth an attack.
      diagram.innerHTML = svg;
      tellHeight();
    } catch (error) {
      tell({ problem: String(error?.message ?? "Try again.").split("\n", 1)[0].slice(0, 300) });
    }
  };

  if (chart) {
    dark.addEventListener("change", drawChart);
    drawChart();
  } else {
    onMessage((data) => {
      if (typeof data.source !== "string") return;
      ({ source } = data);
      drawDiagram();
    });
    dark.addEventListener("change", () => source && drawDiagram());
    new ResizeObserver(() => diagram.firstChild && tellHeight()).observe(diagram);
    tell({ ready: true });
  }
  tell({ library });
})();
