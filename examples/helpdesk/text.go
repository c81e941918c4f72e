package helpdesk

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"
)

// subject is the first line of a ticket.
func (g *generator) subject() string {
	s := fmt.Sprintf(g.pick(subjects), g.pick(products))
	switch {
	case g.chance(25):
		return "RE: " + s
	case g.chance(40):
		return s + " 😡"
	case g.chance(60):
		return strings.ToUpper(s) + "!!!"
	}
	return s
}

// message is the turn-th message of a conversation: the customer begins, the agent answers.
func (g *generator) message(turn int) string {
	if turn%2 == 0 {
		return g.pick(greetings) + "\n\n" + g.paragraph(g.between(1, 4)) + "\n\n" + g.pick(firstNames)
	}
	return "Hi " + g.pick(firstNames) + ",\n\n" + g.pick(answers) + " " + g.paragraph(g.between(0, 2)) + "\n\n-- \n" +
		g.pick(firstNames) + ", " + g.pick(teamNames)
}

// paragraph is some sentences.
func (g *generator) paragraph(sentences int) string {
	words := make([]string, 0, sentences)
	for range sentences {
		s := g.pick(complaints)
		if strings.Contains(s, "%s") {
			s = fmt.Sprintf(s, g.pick(products))
		}
		words = append(words, s)
	}
	return strings.Join(words, " ")
}

// picture is a small PNG: a symmetric pattern, as avatars are.
func (g *generator) picture(size int) []byte {
	fore := color.RGBA{R: uint8(g.rng.Uint32()), G: uint8(g.rng.Uint32()), B: uint8(g.rng.Uint32()), A: 255}
	img := image.NewPaletted(image.Rect(0, 0, size, size), color.Palette{color.White, fore})
	for y := range size {
		for x := range (size + 1) / 2 {
			dot := uint8(g.rng.UintN(2))
			img.SetColorIndex(x, y, dot)
			img.SetColorIndex(size-1-x, y, dot)
		}
	}
	var b bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.NoCompression}
	if err := encoder.Encode(&b, img); err != nil && g.err == nil {
		g.err = fmt.Errorf("draw picture: %w", err)
	}
	return b.Bytes()
}
