// The survey's calls with grpc-go: so many at a time, each on a connection of its own.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"math"
	"os"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"labrpc/peer/lab"
)

func ask(endpoint string) (*lab.GetProfileResponse, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	connection, err := grpc.NewClient("passthrough:///"+endpoint,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	return lab.NewProfileClient(connection).GetProfile(ctx, &lab.GetProfileRequest{})
}

func main() {
	hosts, err := os.Open(os.Args[len(os.Args)-1])
	if err != nil {
		log.Fatal(err)
	}
	endpoints := make(chan string)
	var sum struct {
		sync.Mutex
		answers, ids, heights uint64
	}
	var workers sync.WaitGroup
	for range 256 {
		workers.Go(func() {
			for endpoint := range endpoints {
				profile, err := ask(endpoint)
				if err != nil {
					log.Fatal(endpoint, ": ", err)
				}
				id, err := strconv.ParseUint(profile.Id, 10, 64)
				if err != nil {
					log.Fatal(err)
				}
				sum.Lock()
				sum.answers++
				sum.ids += id
				sum.heights += uint64(math.Round(profile.GetHeightCm() * 10))
				sum.Unlock()
			}
		})
	}
	lines := bufio.NewScanner(hosts)
	for lines.Scan() {
		endpoints <- lines.Text()
	}
	close(endpoints)
	workers.Wait()
	fmt.Println(sum.answers, sum.ids, sum.heights)
}
