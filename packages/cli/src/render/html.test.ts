import { describe, expect, it } from "vitest";
import { html, trusted } from "./html.js";

describe("the html tag", () => {
  it("escapes text, in contents and in attributes", () => {
    const attack = `"><script>alert('1')</script>&`;
    expect(html`<p title="${attack}">${attack}</p>`.markup).toBe(
      '<p title="&#34;&#62;&#60;script&#62;alert(&#39;1&#39;)&#60;/script&#62;&#38;">&#34;&#62;&#60;script&#62;alert(&#39;1&#39;)&#60;/script&#62;&#38;</p>',
    );
  });

  it("leaves markup alone, joins lists, and writes nothing for what is not there", () => {
    const items = ["a", "b"].map((text) => html`<li>${text}</li>`);
    expect(html`<ul>${items}${undefined}${false}${0}</ul>`.markup).toBe("<ul><li>a</li><li>b</li>0</ul>");
    expect(html`<style>${trusted("a > b {}")}</style>`.markup).toBe("<style>a > b {}</style>");
  });
});
