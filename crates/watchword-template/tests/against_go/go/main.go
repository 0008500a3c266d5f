// Renders templates as Go does, for a test to compare with. It reads one JSON document from its input and writes one to its output.
package main

import (
	"encoding/json"
	"fmt"
	htmltemplate "html/template"
	"os"
	"strings"
	texttemplate "text/template"
	"time"

	"github.com/Masterminds/sprig/v3"
)

type task struct {
	Templates []struct {
		Name string
		// "text" or "html".
		Mode   string
		Source string
		// Whether sprig's functions are there.
		Sprig bool
		// Whether the data is otpgateway's struct, which refuses fields that it does not have.
		Message bool
	}
	Data []struct {
		Name   string
		Fields map[string]any
	}
	// What `now` is, in milliseconds since 1970.
	Now int64
}

type message struct {
	To, Namespace, Channel, ChannelName, OTP, OTPURL string
	OTPTTL                                           time.Duration
}

type answer struct {
	Output string
	Error  string
}

func main() {
	var given task
	decoder := json.NewDecoder(os.Stdin)
	decoder.UseNumber()
	if err := decoder.Decode(&given); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	time.Local = time.UTC
	now := time.UnixMilli(given.Now).UTC()
	answers := [][]answer{}
	for _, template := range given.Templates {
		functions := map[string]any{}
		if template.Sprig {
			functions = sprig.GenericFuncMap()
			functions["now"] = func() time.Time { return now }
		}
		row := []answer{}
		for _, data := range given.Data {
			var fields any = plain(data.Fields)
			if template.Message {
				fields = asMessage(fields.(map[string]any))
			}
			output, err := render(template.Mode, template.Source, functions, fields)
			if err != nil {
				row = append(row, answer{Error: err.Error()})
			} else {
				row = append(row, answer{Output: output})
			}
		}
		answers = append(answers, row)
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func render(mode, source string, functions map[string]any, data any) (output string, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	var out strings.Builder
	if mode == "html" {
		template, err := htmltemplate.New("message").Funcs(functions).Parse(source)
		if err != nil {
			return "", err
		}
		err = template.Execute(&out, data)
		return out.String(), err
	}
	template, err := texttemplate.New("message").Funcs(functions).Parse(source)
	if err != nil {
		return "", err
	}
	err = template.Execute(&out, data)
	return out.String(), err
}

// JSON has no lengths of time and one kind of number: an object with one key says what else there is.
func plain(value any) any {
	switch value := value.(type) {
	case json.Number:
		whole, err := value.Int64()
		if err != nil {
			panic(err)
		}
		return int(whole)
	case []any:
		for i := range value {
			value[i] = plain(value[i])
		}
		return value
	case map[string]any:
		if nanos, ok := value["$duration"]; ok {
			whole, _ := nanos.(json.Number).Int64()
			return time.Duration(whole)
		}
		if number, ok := value["$float"]; ok {
			float, _ := number.(json.Number).Float64()
			return float
		}
		copied := map[string]any{}
		for key := range value {
			copied[key] = plain(value[key])
		}
		return copied
	}
	return value
}

func asMessage(fields map[string]any) message {
	text := func(name string) string { return fields[name].(string) }
	return message{
		text("To"), text("Namespace"), text("Channel"), text("ChannelName"), text("OTP"), text("OTPURL"),
		fields["OTPTTL"].(time.Duration),
	}
}
