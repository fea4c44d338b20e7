// Draws a figure of Plotly. It runs in a frame whose origin is nobody's.
(() => {
  "use strict";
  // What Plotly's own template says. A figure with another one keeps its colours.
  const OWN_GROUND = "#E5ECF6";
  const CLEAR = "rgba(0,0,0,0)";
  const COLOURS = {
    light: { text: "#18201e", line: "#dfe4e2" },
    dark: { text: "#e9eeec", line: "#343b3e" },
  };
  const { plotly } = document.currentScript.dataset;
  const chart = document.getElementById("chart");
  const dark = matchMedia("(prefers-color-scheme: dark)");

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

  const load = () => new Promise((resolve, reject) => {
    const script = document.createElement("script");
    Object.assign(script, { src: plotly, onload: resolve, onerror: reject });
    document.head.append(script);
  });

  const draw = async () => {
    try {
      if (!window.Plotly) await load();
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

  dark.addEventListener("change", draw);
  draw();
})();
